import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../src/run.ts';
import { filesIn } from '../src/target.ts';

it('nothing is found in a minute', async () => {
  const seed = Number(process.env['SEKIMORI_SEED'] ?? 1);
  const results = await run({
    files: filesIn(fileURLToPath(new URL('../../../', import.meta.url))),
    wanted: [],
    seed,
    effort: { seconds: 60 },
    lanes: 2,
    // Kept where there is one: the files are what a finding is seen again with.
    findings: mkdtempSync(join(tmpdir(), 'fuzz-findings-')),
  });
  expect(results.flatMap(({ finding }) => (finding ? [finding] : []))).toEqual([]);
  expect(results.filter(({ executions }) => executions === 0)).toEqual([]);
});
