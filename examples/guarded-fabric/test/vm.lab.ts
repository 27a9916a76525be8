import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labIsMissing } from '@sekimori/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { play, PROGRAM, REFUSALS, VM_CHAPTER } from './program.ts';

describe.skipIf(labIsMissing())('the story with a virtual machine', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guarded-fabric-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('boots it on the attested host alone, and tells how long each part took', async () => {
    const { status, report, talk } = await play(['--data', join(folder, 'whole')], process.env);
    expect({ status, talk, leftOut: report.leftOut }).toEqual({ status: 0, talk: '', leftOut: [] });
    expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
    const withVm = [...REFUSALS];
    withVm.splice(4, 0, 'policy-denied/CodeIntegrityPolicy'); // the VM, after the first other boot
    expect(report.steps.flatMap(({ fault }) => fault ?? [])).toEqual(withVm);
    const phasesOf = (step: RegExp) => report.steps.find(({ name }) => step.test(name))?.phases ?? [];
    const names = (step: RegExp) => phasesOf(step).map(({ phase }) => phase);
    expect(names(/shields/)).toEqual(['making its vTPM', 'encrypting system', 'sealing']);
    expect(names(/attested host starts it/)).toEqual(['check', 'lock', 'release', 'seal', 'vtpm', 'qemu']);
    for (const { millis } of [...phasesOf(/shields/), ...phasesOf(/starts it/)]) expect(millis).toBeGreaterThan(0);
  });

  it('leaves no process behind when it is interrupted while the guest runs', async () => {
    const data = join(folder, 'interrupted');
    const child = spawn(process.execPath, [...PROGRAM, '--data', data]);
    let told = '';
    const started = new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        told += chunk.toString();
        if (told.includes('then QEMU runs')) resolve();
      });
    });
    const closed = once(child, 'close');
    await Promise.race([started, closed]);
    const definition = readFileSync(join(data, 'machines/storage/tenant-vm/vm.yaml'), 'utf8');
    const id = /^id: (.*)$/m.exec(definition)?.[1] ?? '';
    expect(processesNaming(id), told).toHaveLength(1); // QEMU
    child.kill('SIGINT');
    expect((await closed)[0]).toBe(1);
    expect(told).toContain(VM_CHAPTER);
    expect(processesNaming(id)).toEqual([]);
  });
});

function processesNaming(text: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false; // it ended meanwhile
      }
    });
}
