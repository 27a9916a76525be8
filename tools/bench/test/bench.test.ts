import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bench, caseNames } from '../src/bench.ts';
import { tableRow } from '../src/table.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('the benchmark', () => {
  it('gives a row of sound numbers for each case', async () => {
    const told: string[] = [];
    const rows = await bench({ millis: 0, batchMillis: 1, rounds: 1 }, ({ name }) => told.push(name));
    const names = [
      'quote verification',
      'quote, RSA-2048',
      'quote, P-256',
      'TPMS_ATTEST decoded',
      'event-log replay',
      'attest (memory)',
      'attest (SQLite)',
      'roll',
    ];
    expect(rows.map(({ name }) => name)).toEqual(names);
    expect(told).toEqual(names);
    for (const name of names) expect(README).toContain(`\`${name}\``);
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(['name', 'opsPerSecond', 'p50Micros', 'p99Micros', 'ratioToOpenSsl']);
      const { name: _, ...numbers } = row;
      for (const value of Object.values(numbers)) expect(value).toBeGreaterThan(0);
      expect(JSON.parse(JSON.stringify(row))).toEqual(row); // no NaN, no Infinity
      expect(row.p99Micros).toBeGreaterThanOrEqual(row.p50Micros);
    }
  });
  it('shows a row as a line of the table', () => {
    const row = { name: 'x', opsPerSecond: 12345.6, p50Micros: 81.23, p99Micros: 123.4, ratioToOpenSsl: 0.715 };
    expect(tableRow(row).trim().split(/\s+/)).toEqual(['x', '12346', '81.2', '123', '0.71']);
  });
  it('measures the cases that are named', async () => {
    expect(caseNames('ATTEST (')).toEqual(['attest (memory)', 'attest (SQLite)']);
    const rows = await bench({ millis: 0, batchMillis: 1, rounds: 1 }, undefined, caseNames('decoded'));
    expect(rows.map(({ name }) => name)).toEqual(['TPMS_ATTEST decoded']);
    await expect(bench({ millis: 0, batchMillis: 1, rounds: 1 }, undefined, ['decoded'])).rejects.toThrow(RangeError);
  });
  it.each([
    [['--help'], 0, '--only TEXT'],
    [['--only', 'no such case'], 2, "no case has 'no such case' in its name"],
    [['--unknown'], 2, "Unknown option '--unknown'"],
    [['word'], 2, "Unexpected argument 'word'"],
  ])('run with %j ends with %i and says what there is', (args, status, words) => {
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const run = spawnSync(process.execPath, ['--conditions=@sekimori/source', main, ...args], { encoding: 'utf8' });
    expect(run.status).toBe(status);
    const [told, silent] = status === 0 ? [run.stdout, run.stderr] : [run.stderr, run.stdout];
    expect(told).toContain(words);
    expect(told).not.toContain('    at ');
    expect(silent).toBe('');
    if (status === 0) for (const name of caseNames()) expect(told).toContain(name);
    else expect(told).toContain('--help');
  });
});
