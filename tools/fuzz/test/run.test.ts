import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { fuzzTarget, LIMITS } from '../src/loop.ts';
import { run, type RunOptions, tryFiles } from '../src/run.ts';
import { fixture } from './fixtures.ts';

const findings = mkdtempSync(join(tmpdir(), 'fuzz-test-'));
afterAll(() => rmSync(findings, { recursive: true, force: true }));

vi.setConfig({ testTimeout: 120_000 });

/** Short where a test waits for it to pass, long where something else has to stop the target. */
const limits = { ...LIMITS, millis: 1000 };
const patient = { ...LIMITS, millis: 20_000 };

/** Runs them one after the other, with time to make findings as small as can be where that is quick. */
const once = (names: readonly string[], more: Partial<RunOptions> = {}) =>
  run({
    files: names.map(fixture),
    wanted: [],
    seed: 1,
    effort: { executions: 20_000 },
    lanes: 1,
    findings,
    limits: patient,
    lane: { heapMib: 64, coverage: false },
    shrinkMillis: 60_000,
    ...more,
  });

describe.concurrent('a target that', () => {
  it.each([
    ['throws', 'throw', /the length was believed/],
    ['hangs', 'hang', /no end after/],
    ['waits', 'hang', /no end after/],
    ['fills-heap', 'memory', /MiB/],
    ['fills-buffers', 'memory', /MiB allocated for \d+ bytes/],
    ['ends-process', 'crash', /SIGABRT/],
    ['writes', 'throw', /the input was written to/],
    ['broken', 'load', /this file does not load/],
  ])('%s is named, with its input', async (name, kind, detail) => {
    const [result, ...others] = await once(
      [name],
      kind === 'hang' ? { limits, shrinkMillis: 300 } : { shrinkMillis: 3000 },
    );
    expect(others).toEqual([]);
    expect(result).toMatchObject({ target: `fixtures/${name}`, finding: { target: `fixtures/${name}`, kind } });
    const { finding } = result!;
    expect(finding!.detail).toMatch(detail);
    expect(readFileSync(finding!.file).toString('hex')).toBe(finding!.hex);
    expect(finding!.repeat).toContain(`--target fixtures/${name} --input ${finding!.file}`);
    if (kind !== 'load') expect(finding!.again).toBe(true);
  });

  it('is good is not, and the targets after a bad one still run', async () => {
    const results = await once(['hangs', 'good', 'throws'], { limits, shrinkMillis: 300 });
    expect(results.map(({ target, finding }) => [target, finding?.kind])).toEqual([
      ['fixtures/good/text', undefined],
      ['fixtures/good/word', undefined],
      ['fixtures/hangs', 'hang'],
      ['fixtures/throws', 'throw'],
    ]);
    expect(results[0]!.executions).toBe(20_000);
  });
});

it('an input is made as small as fails, and fails when it is tried by hand', async () => {
  const [result] = await once(['throws']);
  expect(result!.finding!.hex).toMatch(/^7f[\da-f]{2}000000$/);
  const input = Uint8Array.from(readFileSync(result!.finding!.file));
  const failures = await tryFiles([fixture('throws')], 'fixtures/throws', [input, new Uint8Array(5)]);
  expect(failures).toMatchObject([{ kind: 'throw' }, undefined]);
});

it('places that a target gives back lead it on', async () => {
  const [, word] = await once(['good'], { effort: { executions: 50_000 } });
  expect(word).toMatchObject({ target: 'fixtures/good/word', fresh: 8 });
});

it('time is shared among targets', async () => {
  const options = {
    files: [fixture('good')],
    wanted: ['fixtures/good'],
    seed: 1,
    lanes: 2,
    findings,
    lane: { coverage: false },
  };
  const results = await run({ ...options, effort: { seconds: 1 } });
  expect(results.map(({ executions }) => executions > 0)).toEqual([true, true]);
});

it('a target that is not there is an error', async () => {
  const options = { files: [fixture('good')], wanted: ['fixtures/better'], seed: 1, lanes: 1, findings };
  await expect(run({ ...options, effort: { executions: 1 } })).rejects.toThrow(RangeError);
});

it('blocks of the code under test lead it on', async () => {
  const file = fileURLToPath(new URL('../../../packages/health-certificate/fuzz/claims.ts', import.meta.url));
  const options = { files: [file], wanted: [], seed: 1, effort: { executions: 5000 }, lanes: 1, findings };
  const [guided] = await run(options);
  const [blind] = await run({ ...options, lane: { coverage: false } });
  expect(guided!.fresh).toBeGreaterThan(2);
  expect(blind!.fresh).toBe(0);
});

describe('the same seed', () => {
  const inputsOf = async (seed: number): Promise<readonly string[]> => {
    const inputs: string[] = [];
    const fuzz = (bytes: Uint8Array) =>
      `${inputs.push(Buffer.from(bytes).toString('hex'))} ${bytes.length % 7}`.slice(-1);
    const around = { seeds: [], words: [Uint8Array.of(1, 2, 3)], blocks: () => 0, before: () => {} };
    await fuzzTarget(fuzz, { seed, executions: 3000, limits: LIMITS }, around);
    return inputs;
  };
  it('gives the same inputs, and another others', async () => {
    const [first, second, other] = [await inputsOf(5), await inputsOf(5), await inputsOf(6)];
    expect(second).toEqual(first);
    expect(other).not.toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(2000);
  });
  it('finds the same, in processes too', async () => {
    const [first] = await once(['throws'], { seed: 3 });
    const [second] = await once(['throws'], { seed: 3 });
    expect({ ...second, perSecond: 0 }).toEqual({ ...first, perSecond: 0 });
  });
});
