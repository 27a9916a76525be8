import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { boot, bootFile, programsMissing, virtualHost } from '@sekimori/testkit';
import { publicArea, SRK_ECC_P256, Tpm, TPM_RH, TPMA_OBJECT } from '@sekimori/tpm2';
import { manufactureSwtpm, startSwtpm } from '@sekimori/tpm2-device/swtpm';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DoctorReport } from '../src/doctor/doctor.ts';
import { aFolder } from './support/folders.ts';
import { startHgs } from './support/hgs.ts';
import { jsonOf, type Ran, sekimoriHost } from './support/program.ts';
import { listenAsTpm } from './support/tpm-socket.ts';

const hgs = await startHgs();
const statuses = (ran: Ran) =>
  Object.fromEntries((jsonOf(ran) as unknown as DoctorReport).checks.map(({ id, status }) => [id, status]));

describe('sekimori-host doctor', () => {
  it('goes from a host that is not enrolled to one with nothing to mend, and finds what is broken then', async () => {
    const folder = await aFolder();
    const machine = await virtualHost({ crypto, boot: boot('uki-snakeoil') });
    await hgs.trust(machine.vendorCa.certificate.der);
    await listenAsTpm(machine.software.transport, join(folder, 'tpm.sock'));
    const config = join(folder, 'host.json');
    const settings = {
      name: 'node-d',
      stateFolder: 'state',
      tpm: { swtpm: { socket: 'tpm.sock' } },
      eventLog: bootFile('uki-snakeoil', 'binary_bios_measurements'),
      signers: hgs.caFile,
      attestation: { url: hgs.services.attestationUrl, ca: hgs.caFile },
      keyProtection: { url: hgs.services.keyProtectionUrl, ca: hgs.caFile },
    };
    await writeFile(config, JSON.stringify(settings));
    const run = (...args: readonly string[]) => sekimoriHost([...args, '--config', config]);
    const only =
      'tpm,tpm-pcr-bank,tpm-endorsement,event-log,service-name,service-tls,clock,state-folder,enrolment,attestation';
    const doctor = (...args: readonly string[]) => run('doctor', '--only', only, ...args);

    const before = await doctor('--json');
    expect(before.status).toBe(0);
    expect(jsonOf(before)).toMatchObject({ healthy: true, summary: { failed: 0, warning: 1 } });
    expect(statuses(before)).toMatchObject({ enrolment: 'warning', attestation: 'skipped', 'event-log': 'ok' });

    const { hostId, ekFingerprint } = jsonOf(await run('identity', '--enrol', '--json'));
    expect(statuses(await doctor('--json'))['enrolment']).toBe('warning');
    await hgs.approve(String(hostId), String(ekFingerprint));
    await run('identity', '--enrol');
    expect((await run('attest')).status).toBe(3);
    const refused = await doctor('--json');
    expect(refused.status).toBe(9);
    expect(statuses(refused)).toMatchObject({ enrolment: 'ok', attestation: 'failed' });
    await hgs.captureBaseline(String(hostId), 'node-d');
    expect((await run('attest')).status).toBe(0);

    const well = await doctor();
    expect(well).toMatchObject({ status: 0, stderr: '' });
    expect(well.stdout).not.toContain('\u001b'); // no colours where nobody sees them
    expect(well.stdout).not.toContain('mend:');
    expect(well.stdout).toMatch(/^ok {7}tpm {14}a TPM 2\.0 of /);
    expect(well.stdout).toMatch(/\n\n13 ok, 0 warning, 0 failed, 0 skipped\n$/);

    await chmod(join(folder, 'state'), 0o755);
    const open = await doctor('--json');
    expect(open.status).toBe(9);
    expect(statuses(open)).toMatchObject({ tpm: 'ok', 'state-folder': 'failed', enrolment: 'failed' });
    await chmod(join(folder, 'state'), 0o700);

    await writeFile(config, JSON.stringify({ ...settings, eventLog: bootFile('shim-ms', 'binary_bios_measurements') }));
    expect(statuses(await doctor('--json'))).toMatchObject({ 'event-log': 'failed', tpm: 'ok' });
  }, 120_000);

  it('refuses a check that there is not, and names those that there are', async () => {
    const ran = await sekimoriHost(['doctor', '--only', 'tmp']);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toContain("there is no check 'tmp'");
    expect(ran.stderr).toContain('tpm, tpm-pcr-bank');
  });

  it('changes nothing', async () => {
    const folder = await aFolder();
    const config = join(folder, 'host.json');
    const vms = { folders: [join(folder, 'vms')] };
    await writeFile(config, JSON.stringify({ stateFolder: 'state', tpm: { device: 'none' }, vms }));
    const ran = await sekimoriHost(['doctor', '--only', 'state-folder,vm-storage,free-space', '--config', config]);
    expect(ran.stdout).toContain('is made at the first use');
    expect(await readdir(folder)).toEqual(['host.json']);
  });
});

describe.skipIf(programsMissing('swtpm', 'swtpm_setup'))('beside a real swtpm', () => {
  it('tells that a TPM counts wrong authorizations, and that it has locked itself', async () => {
    const folder = await aFolder();
    const [stateDir, caDir] = [join(folder, 'tpm'), join(folder, 'ca')];
    await manufactureSwtpm({ stateDir, caDir });
    const swtpm = await startSwtpm({ stateDir });
    onTestFinished(() => swtpm.stop());
    const config = join(folder, 'host.json');
    await writeFile(config, JSON.stringify({ stateFolder: 'state', tpm: { swtpm: { socket: swtpm.socketPath } } }));
    const lockout = async () =>
      statuses(await sekimoriHost(['doctor', '--only', 'tpm,tpm-lockout,tpm-pcr-bank', '--json', '--config', config]));
    expect(await lockout()).toEqual({ tpm: 'ok', 'tpm-lockout': 'ok', 'tpm-pcr-bank': 'failed' });
    await useWrongAuthorization(await swtpm.open(), 1);
    expect(await lockout()).toMatchObject({ 'tpm-lockout': 'warning' });
    await useWrongAuthorization(await swtpm.open(), 3);
    expect(await lockout()).toMatchObject({ tpm: 'ok', 'tpm-lockout': 'failed' });
  }, 60_000);
});

/** Of a key that the dictionary attack logic protects. */
async function useWrongAuthorization(transport: ConstructorParameters<typeof Tpm>[0], times: number): Promise<void> {
  const tpm = new Tpm(transport, crypto);
  const { value } = SRK_ECC_P256;
  const objectAttributes = TPMA_OBJECT.of(
    'fixedTPM',
    'fixedParent',
    'sensitiveDataOrigin',
    'userWithAuth',
    'restricted',
    'decrypt',
  );
  const made = await tpm.run('CreatePrimary', {
    handles: { primaryHandle: TPM_RH.owner },
    parameters: {
      inSensitive: { userAuth: Uint8Array.of(1, 2, 3), data: new Uint8Array() },
      inPublic: publicArea({ ...value, objectAttributes }),
      outsideInfo: new Uint8Array(),
      creationPCR: [],
    },
  });
  const { handle } = expectOk(made);
  for (let i = 0; i < times; i++) {
    const refused = await tpm.run('Create', {
      handles: { parentHandle: handle },
      parameters: {
        inSensitive: { userAuth: new Uint8Array(), data: new Uint8Array() },
        inPublic: SRK_ECC_P256,
        outsideInfo: new Uint8Array(),
        creationPCR: [],
      },
    });
    expect(refused.ok).toBe(false);
  }
  await tpm.flush(handle);
  await tpm.close();
}
