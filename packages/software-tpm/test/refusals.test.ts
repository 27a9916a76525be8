import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Bench, REFUSALS } from './refusals/index.ts';
import { swtpm, swtpmMissing } from './swtpm.ts';
import { softwareTpm } from './tpms.ts';

describe('software-tpm answers', () => {
  const bench = new Bench(softwareTpm().transport);
  afterEach(() => bench.flush());

  it.each(REFUSALS)('$name: $expected', async (refusal) => {
    expect(await refusal.run(bench)).toBe(refusal.expected);
  });
});

describe.skipIf(swtpmMissing())('swtpm answers the same', () => {
  let other: Awaited<ReturnType<typeof swtpm>>;
  let bench: Bench;
  beforeAll(async () => {
    other = await swtpm();
    bench = new Bench(other.transport);
  });
  afterEach(() => bench.flush());
  afterAll(() => other.close());

  it.each(REFUSALS)('$name: $expected', async (refusal) => {
    expect(await refusal.run(bench)).toBe(refusal.expected);
  });
});
