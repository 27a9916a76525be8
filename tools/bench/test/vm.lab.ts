import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { labIsMissing } from '@sekimori/lab';
import { describe, expect, it } from 'vitest';
import { vmBench } from '../src/vm/bench.ts';
import { VM_CASES } from '../src/vm/cases.ts';
import type { Row } from '../src/vm/row.ts';

describe.skipIf(labIsMissing())('the benchmark of VMs', () => {
  it('has a row of sound numbers, or a reason, for each case, and leaves nothing behind', async () => {
    execFileSync('npm', ['run', '--silent', 'prebench:vm'], {
      cwd: new URL('../../../', import.meta.url),
      stdio: 'ignore',
    });
    const rows: Row[] = [];
    const leftOut: string[] = [];
    const before = readdirSync('/dev/shm');
    await vmBench(
      { starts: 1, diskRuns: 1, diskMib: 16, vms: 2, rounds: 1, settleMillis: 0 },
      {
        row: (row) => rows.push(row),
        leftOut: (cases, why) => {
          expect(why).not.toBe('');
          leftOut.push(...cases.map(({ name }) => name));
        },
      },
    );
    const wanted = VM_CASES.map(({ name }) => name).filter((name) => !leftOut.includes(name));
    expect(rows.map(({ name }) => name)).toEqual(wanted);
    expect(leftOut.every((name) => /Secure Boot|shielded|none/.test(name))).toBe(true);
    for (const row of rows) {
      expect(row.runs).toBeGreaterThan(0);
      expect(JSON.parse(JSON.stringify(row))).toEqual(row); // no NaN, no Infinity
      // A difference can be less than nothing where the machine was busy for once.
      if (!/beyond|share/.test(row.name)) expect(row.min, row.name).toBeGreaterThan(0);
      expect(row.median).toBeGreaterThanOrEqual(row.min);
      expect(row.max).toBeGreaterThanOrEqual(row.median);
    }
    const left = readdirSync('/dev/shm').filter((name) => name.startsWith('bench-') && !before.includes(name));
    expect(left).toEqual([]);
  });
});
