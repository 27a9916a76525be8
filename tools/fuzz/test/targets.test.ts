import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { run } from '../src/run.ts';
import { filesIn, idOf } from '../src/target.ts';
import { fixture } from './fixtures.ts';

vi.setConfig({ testTimeout: 120_000 });

const root = fileURLToPath(new URL('../../../', import.meta.url));
const findings = mkdtempSync(join(tmpdir(), 'fuzz-smoke-'));
afterAll(() => rmSync(findings, { recursive: true, force: true }));

it('every target of the repository stands a few hundred inputs', async () => {
  const files = filesIn(root);
  const results = await run({
    files,
    wanted: [],
    seed: 1,
    effort: { executions: 200 },
    lanes: 2,
    findings,
    lane: { coverage: false },
  });
  expect(results.flatMap(({ finding }) => (finding ? [finding] : []))).toEqual([]);
  const ran = new Set(results.map(({ target }) => target.split('/').slice(0, 2).join('/')));
  expect([...ran]).toEqual(files.map(idOf).toSorted());
  expect(results.filter(({ executions }) => executions !== 200)).toEqual([]);
});

describe('the command', () => {
  const fuzz = (...args: string[]) => {
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    return spawnSync(process.execPath, ['--conditions=@sekimori/source', main, ...args, '--findings', findings], {
      encoding: 'utf8',
    });
  };
  it('ends with 0 where nothing is found, results on stdout and progress on stderr', () => {
    const { status, stdout, stderr } = fuzz(fixture('good'), '--executions', '100');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^fixtures\/good\/text: 100 executions, \d+\/s, \d+ new inputs$/m);
    expect(stdout).toMatch(/^2 targets, 200 executions, 0 findings, seed 1/m);
    expect(stderr).toMatch(/^ +1 {2}fixtures\/good\/\w+: 100 executions/m);
  });
  it('ends with 1 where something is, and says how to see it again', () => {
    const found = fuzz(fixture('throws'), '--executions', '20000', '--json');
    expect(found.status).toBe(1);
    const { seed, targets, findings: list } = JSON.parse(found.stdout);
    expect({ seed, targets, list }).toMatchObject({
      seed: 1,
      targets: [{ target: 'fixtures/throws' }],
      list: [{ target: 'fixtures/throws', kind: 'throw', bytes: 5 }],
    });
    const [, options = ''] = list[0].repeat.split(' -- ');
    const again = fuzz(fixture('throws'), ...options.split(' '));
    expect(again.status).toBe(1);
    expect(again.stdout).toContain('throw: RangeError: the length was believed');
  });
  it('ends with 2 where it does not understand', () => {
    for (const args of [['--seconds', 'x'], ['--what'], ['--target', 'no/such'], ['--input', fixture('good')]])
      expect(fuzz(fixture('good'), ...args)).toMatchObject({ status: 2, stdout: '' });
  });
  it('explains itself', () => {
    expect(fuzz('--help').stdout).toContain('Example: npm run fuzz -- ');
    expect(readdirSync(findings).length).toBeGreaterThan(0);
  });
});
