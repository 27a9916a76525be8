import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { equal, toHex } from '@sekimori/bytes';
import { Secret, sameKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { parseVmId } from '@sekimori/guest-state';
import { createGuardian, type GuardianKeys } from '@sekimori/key-protector';
import { checkEndorsementCertificate, parseCertificate, writePem } from '@sekimori/pki';
import { expectOk, ok, type Result } from '@sekimori/result';
import { programsMissing, rootMissing } from '@sekimori/testkit';
import {
  createPrimary,
  nameOf,
  openEndorsementKey,
  publicArea,
  readPublic,
  SRK_ECC_P256,
  type Tpm,
  TPM_RH,
  type TpmOwner,
  WELL_KNOWN,
  writeNvOnce,
} from '@sekimori/tpm2';
import { startSwtpm } from '@sekimori/tpm2-device/swtpm';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  type ManufacturedVirtualTpm,
  manufactureTrialTpm,
  manufactureVirtualTpm,
  startVirtualTpm,
  withVirtualTpm,
} from '../src/vtpm/index.ts';
import { aFolder } from './support/folders.ts';

const AT = new Date('2026-06-01T00:00:00Z');
const VM = parseVmId('3f1f0f0e-0000-4000-8000-00000000abcd')!;
const key = () => new Secret(crypto.random(32));
const execute = promisify(execFile);

describe.skipIf(programsMissing('swtpm', 'swtpm_setup'))("a VM's TPM", () => {
  let folder: string;
  let owner: GuardianKeys;
  let made: ManufacturedVirtualTpm;
  const stateKey = key();
  const stateDir = () => join(folder, 'vtpm');
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sekimori-vtpm-'));
    owner = (await createGuardian(crypto, 'alice', AT)).keys;
    made = expectOk(await manufactureVirtualTpm({ crypto, owner, vmId: VM, at: AT, stateDir: stateDir(), stateKey }));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const use = <T>(work: (tpm: Tpm) => Promise<Result<T, never>>, opensWith = stateKey) =>
    withVirtualTpm({ crypto, stateDir: stateDir(), stateKey: opensWith }, work);
  const fileIn = (name: string) => join(folder, name);

  it("has endorsement certificates under its owner's guardian, for this VM", async () => {
    const authority = expectOk(parseCertificate(made.endorsementAuthority));
    expect(sameKey(expectOk(authority.publicKey(crypto)), owner.guardian.signingKey)).toBe(true);
    const stored = await use(async (tpm) => {
      const rsa2048 = expectOk(await openEndorsementKey(tpm, 'rsa-2048')).certificate;
      return ok({ rsa2048, eccP384: expectOk(await openEndorsementKey(tpm, 'ecc-p384')).certificate });
    });
    expect(expectOk(stored)).toEqual(made.endorsementCertificates);
    await writeFile(fileIn('ca.pem'), writePem('CERTIFICATE', authority.der));
    for (const der of Object.values(made.endorsementCertificates)) {
      const certificate = expectOk(parseCertificate(der));
      expect(certificate.subject.text).toBe(`CN=${VM}`);
      const trust = { intermediates: [], roots: [authority], at: AT };
      expect(expectOk(checkEndorsementCertificate(crypto, certificate, trust)).tpm.model).toBe('swtpm');
      await writeFile(fileIn('ek.pem'), writePem('CERTIFICATE', der));
      const verified = await execute('openssl', ['verify', '-x509_strict', '-CAfile', 'ca.pem', 'ek.pem'], {
        cwd: folder,
      });
      expect(verified.stdout).toContain('ek.pem: OK');
    }
  });

  it.skipIf(programsMissing('tpm2_getekcertificate', 'tpm2_nvread'))(
    'shows its certificates to tpm2-tools',
    async () => {
      const swtpm = await startSwtpm({ stateDir: stateDir(), stateKey });
      onTestFinished(() => swtpm.stop());
      const env = { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${swtpm.socketPath}` };
      const tool = (line: string) => execute(line.split(' ')[0]!, line.split(' ').slice(1), { cwd: folder, env });
      await tool('tpm2_getekcertificate -o rsa.der -o other.der');
      expect(equal(await readFile(fileIn('rsa.der')), made.endorsementCertificates.rsa2048)).toBe(true);
      await tool('tpm2_nvread -C 0x1c00016 -o ecc.der 0x1c00016');
      expect(equal(await readFile(fileIn('ecc.der')), made.endorsementCertificates.eccP384)).toBe(true);
      await expect(tool('tpm2_nvwrite -C o -i rsa.der 0x1c00016')).rejects.toThrow();
    },
  );

  it('has the storage root key, and an owner whose authorization is set', async () => {
    const outcome = await use(async (tpm) => {
      const srk = expectOk(await readPublic(tpm, WELL_KNOWN.storageRootKey));
      const unnamed = publicArea({ ...srk.publicArea.value, unique: SRK_ECC_P256.value.unique });
      expect(toHex(nameOf(crypto, unnamed))).toBe(toHex(nameOf(crypto, SRK_ECC_P256)));
      const index = 0x01500f00;
      const nobody: TpmOwner = { auth: new Secret(new Uint8Array(0)), saltTo: srk };
      const refused = { ok: false, fault: { response: { name: 'TPM_RC_BAD_AUTH' } } };
      expect(await writeNvOnce(tpm, nobody, index, Uint8Array.of(1))).toMatchObject(refused);
      expect(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256)).toMatchObject(refused);
      expectOk(await writeNvOnce(tpm, { ...nobody, auth: made.ownerAuth }, index, Uint8Array.of(1)));
      return ok(undefined);
    });
    expectOk(outcome);
  });

  it('leaves neither key nor authorization in its folder', async () => {
    for (const name of await readdir(stateDir())) {
      const content = await readFile(join(stateDir(), name));
      for (const secret of [stateKey, made.ownerAuth])
        secret.use((bytes) => {
          expect(content.includes(bytes) || content.includes(toHex(bytes)), name).toBe(false);
        });
    }
    expect((await stat(stateDir())).mode & 0o777).toBe(0o700);
  });

  it('opens with its own key alone', async () => {
    expect(await use(async () => ok(1), key())).toMatchObject({ ok: false, fault: { code: 'vtpm-state-refused' } });
  });

  it.each([
    ['an empty folder', async (path: string) => mkdir(path)],
    ['no folder', async () => {}],
    [
      'an empty state file',
      async (path: string) => {
        await mkdir(path);
        await writeFile(join(path, 'tpm2-00.permall'), '');
      },
    ],
    [
      'a link to another state',
      async (path: string) => {
        await mkdir(path);
        await symlink(join(stateDir(), 'tpm2-00.permall'), join(path, 'tpm2-00.permall'));
      },
    ],
  ])('is not made anew from %s', async (_, prepare) => {
    const path = join(await aFolder(), 'vtpm');
    await prepare(path);
    const missing = { ok: false, fault: { code: 'vtpm-state-missing' } };
    expect(await withVirtualTpm({ crypto, stateDir: path, stateKey }, async () => ok(1))).toMatchObject(missing);
    const sockets = { controlSocket: join(path, 'ctl'), logFile: join(folder, 'log') };
    expect(await startVirtualTpm({ stateDir: path, stateKey, ...sockets })).toMatchObject(missing);
  });

  it('does not take the place of another TPM', async () => {
    const again = { crypto, owner, vmId: VM, at: AT, stateDir: stateDir(), stateKey: key() };
    expect(await manufactureVirtualTpm(again)).toMatchObject({ ok: false, fault: { code: 'vtpm-state-exists' } });
    expectOk(await use(async () => ok(1)));
  });
});

describe.skipIf(programsMissing('swtpm', 'swtpm_setup'))('a virtual TPM for QEMU', () => {
  const stateKey = key();
  async function prepared() {
    const run = await aFolder();
    const stateDir = join(run, 'vtpm');
    expectOk(await manufactureTrialTpm({ stateDir, stateKey }));
    return { run, stateDir, controlSocket: join(run, 'ctl'), logFile: join(run, 'log') };
  }
  const proc = (pid: number, file: string) => readFile(`/proc/${pid}/${file}`, 'latin1');

  it('waits at its socket: no core dump, no key in sight, a filter for system calls', async () => {
    const { stateDir, controlSocket, logFile } = await prepared();
    const vtpm = expectOk(await startVirtualTpm({ stateDir, stateKey, controlSocket, logFile }));
    onTestFinished(() => vtpm.stop());
    expect((await stat(controlSocket)).mode & 0o777).toBe(0o600);
    expect(await proc(vtpm.pid, 'limits')).toMatch(/^Max core file size +0 +0 /m);
    expect(Number.parseInt(await proc(vtpm.pid, 'coredump_filter'), 16)).toBe(0);
    expect(await proc(vtpm.pid, 'status')).toMatch(/^Seccomp:\t2$/m);
    const hex = stateKey.use(toHex);
    for (const file of ['cmdline', 'environ']) expect(await proc(vtpm.pid, file)).not.toContain(hex);
    expect(await proc(vtpm.pid, 'cmdline')).toContain('swtpm');
    expect((await stat(logFile)).mode & 0o777).toBe(0o600);
    await vtpm.stop();
    await vtpm.exited;
  });

  it.skipIf(programsMissing('swtpm_ioctl'))(
    'writes no more to a log that is full, and lives on and keeps its state (a guest can make it write for ever)',
    async () => {
      const { stateDir, controlSocket, logFile } = await prepared();
      const [full, control] = [8 * 1024 * 1024, ['--unix', controlSocket]];
      await writeFile(logFile, '');
      await truncate(logFile, full - 20);
      const vtpm = expectOk(await startVirtualTpm({ stateDir, stateKey, controlSocket, logFile }));
      onTestFinished(() => vtpm.stop());
      for (let times = 0; times < 3; times++) await unknownCommand(controlSocket);
      expect((await stat(logFile)).size).toBe(full); // it had something to say
      const state = join(stateDir, 'tpm2-00.volatilestate');
      await execute('swtpm_ioctl', [...control, '-v']);
      expect((await stat(state)).size).toBeGreaterThan(1000);
      await execute('swtpm_ioctl', [...control, '-s']);
      await vtpm.stop();
    },
  );

  it('does not start before it is written down which process it is', async () => {
    const { stateDir, controlSocket, logFile } = await prepared();
    const seen: [number, string][] = [];
    const onSpawned = async (pid: number) => void seen.push([pid, await proc(pid, 'comm')]);
    const vtpm = expectOk(await startVirtualTpm({ stateDir, stateKey, controlSocket, logFile, onSpawned }));
    onTestFinished(() => vtpm.stop());
    expect(seen).toEqual([[vtpm.pid, 'sh\n']]);
    expect(await proc(vtpm.pid, 'comm')).toBe('swtpm\n');
    await vtpm.stop();
    const lost = async () => Promise.reject(new Error('the disk is full'));
    await expect(startVirtualTpm({ stateDir, stateKey, controlSocket, logFile, onSpawned: lost })).rejects.toThrow(
      'the disk is full',
    );
    expect((await execute('ps', ['-eo', 'args'])).stdout).not.toContain(controlSocket);
  });

  it.skipIf(rootMissing('swtpm under another user'))('runs as a user of its own, who owns its state', async () => {
    const { run, stateDir, logFile } = await prepared();
    const uid = 54321;
    const sockets = join(run, 'sockets');
    await mkdir(sockets, { mode: 0o700 });
    await chown(sockets, uid, uid);
    await chmod(run, 0o711);
    const at = join(sockets, 'ctl');
    const vtpm = expectOk(await startVirtualTpm({ stateDir, stateKey, controlSocket: at, uid, logFile }));
    onTestFinished(() => vtpm.stop());
    expect(await proc(vtpm.pid, 'status')).toMatch(/^Uid:\t54321\t54321\t54321\t54321$/m);
    expect(await proc(vtpm.pid, 'status')).toMatch(/^Groups:\t *$/m);
    expect((await stat(join(stateDir, 'tpm2-00.permall'))).uid).toBe(uid);
  });

  it('is refused with another key, and ends', async () => {
    const { stateDir, controlSocket, logFile } = await prepared();
    const before = await readFile(join(stateDir, 'tpm2-00.permall'));
    expect(await startVirtualTpm({ stateDir, stateKey: key(), controlSocket, logFile })).toMatchObject({
      ok: false,
      fault: { code: 'vtpm-state-refused' },
    });
    expect(await readFile(join(stateDir, 'tpm2-00.permall'))).toEqual(before);
    const listed = await execute('ps', ['-eo', 'args']);
    expect(listed.stdout).not.toContain(controlSocket);
  });

  it('is refused where a link lies in its folder (another file would change hands)', async () => {
    const { run, stateDir, controlSocket, logFile } = await prepared();
    await cp(join(stateDir, 'tpm2-00.permall'), join(run, 'other'));
    await symlink(join(run, 'other'), join(stateDir, 'tpm2-00.volatilestate'));
    expect(await startVirtualTpm({ stateDir, stateKey, controlSocket, uid: 54321, logFile })).toMatchObject({
      fault: { code: 'vtpm-state-refused' },
    });
    expect((await stat(join(run, 'other'))).uid).toBe(process.getuid?.());
  });

  it.each([
    ['a socket path that is too long', 'x'.repeat(120)],
    ['a socket path with a comma', 'a,mode=0777'],
  ])('is refused with %s', async (_, name) => {
    const { run, stateDir, logFile } = await prepared();
    expect(await startVirtualTpm({ stateDir, stateKey, controlSocket: join(run, name), logFile })).toMatchObject({
      fault: { code: 'vtpm-start-failed' },
    });
  });
});

/** One that swtpm's control channel does not have; it says so in its log. */
async function unknownCommand(controlSocket: string): Promise<void> {
  const socket = connect(controlSocket);
  await once(socket, 'connect');
  socket.write(Uint8Array.of(0, 0, 0, 0xfe));
  await once(socket, 'data');
  socket.destroy();
}
