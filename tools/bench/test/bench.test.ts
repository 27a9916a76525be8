import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bench } from '../src/bench.ts';
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
});
