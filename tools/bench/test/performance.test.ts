import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { VM_CASES } from '../src/vm/cases.ts';
import { heading, tableRow, Values } from '../src/vm/row.ts';

const document = readFileSync(new URL('../../../docs/performance.md', import.meta.url), 'utf8');

it('docs/performance.md has a row for each case of the benchmark of VMs, and no other', () => {
  const rows = [...document.matchAll(/^\| (.*?) +\| (.*?) +\|(?: +-?[\d.]+ \|){4}$/gm)];
  expect(rows.map(([, name, unit]) => ({ name, unit }))).toEqual(VM_CASES);
});

it('a row has median, least and most of what was measured, and nothing that was not', () => {
  const values = new Values();
  for (const value of [12.345, 1, 1234.5, 3]) values.add('bare QEMU', value);
  const cases = [{ name: 'bare QEMU', unit: 'ms' }] as const;
  const [row, ...others] = values.rows(cases);
  expect(others).toEqual([]);
  expect(row).toEqual({ name: 'bare QEMU', unit: 'ms', median: 7.67, min: 1, max: 1235, runs: 4 });
  expect(row && tableRow(row)).toHaveLength(heading().indexOf('\n'));
  expect(() => values.rows([])).toThrow('no case');
  expect(() => new Values().rows(cases)).toThrow('not measured');
});
