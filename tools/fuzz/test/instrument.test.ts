import { expect, it } from 'vitest';
import { noteBlocks } from '../src/instrument.ts';

const SOURCE = `
export function which(value: number): string {
  for (let at = 0; at < value; at++) if (at > 1) break;
  if (value === 1) return 'one';
  else if (value === 2) return 'two';
  switch (value) {
    case 3: return 'three';
    default:
  }
  const text = value > 4 ? 'many' : undefined;
  try {
    return (text ?? (value < 0 && 'less')) || fail();
  } catch {
    return 'caught';
  }
}
const fail = () => { throw new Error('none'); };
`;

/** The result, and which blocks have run. */
async function run(value: number): Promise<readonly [string, readonly number[]]> {
  let ids = 0;
  const code = noteBlocks(SOURCE, () => ids++);
  const seen = new Set<number>();
  Object.assign(globalThis, { __fuzzSeen: {}, __fuzzNew: (id: number) => seen.add(id) });
  const module = await import(`data:text/javascript,${encodeURIComponent(`${code}\n// ${value}`)}`);
  return [module.which(value), [...seen].toSorted((a, b) => a - b)];
}

it('code does what it did, and tells each block that runs', async () => {
  const results: (readonly [string, readonly number[]])[] = [];
  for (const value of [1, 2, 3, 5, -1, 0]) results.push(await run(value));
  expect(results.map(([text]) => text)).toEqual(['one', 'two', 'three', 'many', 'less', 'caught']);
  const blocks = results.map(([, ids]) => ids.join(' '));
  expect(new Set(blocks).size).toBe(6);
});
