import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildLab, labIsMissing, type MeasuredGuest, startMeasuredGuest } from '@sekimori/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorReport } from '../src/doctor/doctor.ts';
import { jsonOf, sekimoriHost } from './support/program.ts';

describe.skipIf(labIsMissing('outer'))('doctor beside a machine that is really booted', () => {
  let folder: string;
  let guest: MeasuredGuest;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'doc-')); // short: sockets lie in it
    const lab = await buildLab(['uki-snakeoil']);
    guest = await startMeasuredGuest({ lab, boot: 'uki-snakeoil', stateDir: join(folder, 'vm') });
  });
  afterAll(async () => {
    await guest?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('finds TPM, endorsement keys and event log as an attestation needs them', async () => {
    const config = join(folder, 'host.json');
    const eventLog = join(guest.evidence, 'binary_bios_measurements');
    const settings = { stateFolder: 'state', tpm: { swtpm: { socket: guest.tpmSocket } }, eventLog };
    await writeFile(config, JSON.stringify(settings));
    const only = 'tpm,tpm-pcr-bank,tpm-endorsement,tpm-lockout,event-log';
    const ran = await sekimoriHost(['doctor', '--only', only, '--json', '--config', config]);
    expect(jsonOf(ran)).toMatchObject({ healthy: true, summary: { ok: 5 } });
    expect(ran.status).toBe(0);
  });

  it('tells whether KVM runs a firmware on this machine, or why not', async () => {
    const ran = await sekimoriHost(['doctor', '--only', 'kvm', '--json', '--state', join(folder, 'none')]);
    const [kvm] = (jsonOf(ran) as unknown as DoctorReport).checks;
    expect(kvm?.found).toMatch(
      /^(a firmware runs with it|\/dev\/kvm is there, and no machine runs|there is no \/dev\/kvm)/,
    );
    expect(ran.status).toBe(0); // guests can be emulated
  });

  it('finds swtpm, QEMU, its firmware, cryptsetup and flock fit', async () => {
    await mkdir(join(folder, 'vms'));
    const config = join(folder, 'vms.json');
    await writeFile(config, JSON.stringify({ stateFolder: 'state', vms: { folders: [join(folder, 'vms')] } }));
    const only = ['swtpm', 'qemu', 'guest-firmware', 'cryptsetup', 'flock'];
    const ran = await sekimoriHost(['doctor', '--only', only.join(), '--json', '--config', config]);
    const { checks } = jsonOf(ran) as unknown as DoctorReport;
    expect(Object.fromEntries(checks.map(({ id, status }) => [id, status]))).toEqual(
      Object.fromEntries(only.map((id) => [id, 'ok'])),
    );
    expect(ran.status).toBe(0);
  });
});
