import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { play, PROGRAM, REFUSALS, type Report, VM_CHAPTER } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'guarded-fabric-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const withSwtpm = spawnSync('swtpm', ['--version']).status === 0;
if (!withSwtpm && !process.env['CI']) console.warn('skipped: the story with swtpm, which is not on this machine');

describe('the story of a guarded fabric', () => {
  it.skipIf(!withSwtpm && !process.env['CI'])(
    'holds with swtpm, and again on the same data',
    { timeout: 120_000 },
    async () => {
      for (const run of ['first', 'second']) {
        const { status, report, talk } = await play(['--no-vm', '--data', join(folder, 'swtpm')], process.env);
        expect(talk, run).toBe('');
        expect(status).toBe(0);
        expectWhole(report, 'swtpm');
        expect(report.leftOut).toEqual([{ chapter: VM_CHAPTER, why: 'as --no-vm asks for' }]);
      }
    },
  );

  it('holds with the software TPM where swtpm cannot be had, and says so', { timeout: 120_000 }, async () => {
    const env = { ...process.env, PATH: join(folder, 'empty') };
    const { status, report } = await play(['--data', join(folder, 'software')], env);
    expect(status).toBe(0);
    expectWhole(report, 'software');
    const [leftOut, ...others] = report.leftOut;
    expect(others).toEqual([]);
    expect(leftOut?.chapter).toBe(VM_CHAPTER);
    for (const what of ['qemu-system-x86_64', 'apt-get install', 'qemu-utils', 'swtpm-tools'])
      expect(leftOut?.why).toContain(what);
  });

  it('tells people what to do about an unknown option', () => {
    const wrong = spawnSync(process.execPath, [...PROGRAM, '--onse'], { encoding: 'utf8' });
    expect(wrong.status).not.toBe(0);
    expect(wrong.stderr).toContain('--once');
  });
});

function expectWhole(report: Report, tpm: string): void {
  expect(report.tpm).toBe(tpm);
  expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
  expect(report.steps.flatMap(({ fault }) => fault ?? [])).toEqual(REFUSALS);
}
