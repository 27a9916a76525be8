import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import {
  activateCredential,
  createAttestationKey,
  createPrimary,
  listHandles,
  makeCredential,
  makePersistent,
  openEndorsementKey,
  readPublic,
  SRK_ECC_P256,
  Tpm,
  TPM_RH,
  WELL_KNOWN,
} from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSwtpmState, manufactureSwtpm, type Manufactured, startSwtpm, SwtpmStateError } from '../src/swtpm.ts';
import { missing } from './programs.ts';

describe.skipIf(missing('swtpm', 'swtpm_setup'))('a swtpm', () => {
  let folder: string;
  let made: Manufactured;
  const stateDir = () =>
    join(folder, 'a state folder whose name is much longer than a socket path could be', 'x'.repeat(80));
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
    made = await manufactureSwtpm({ stateDir: stateDir(), caDir: join(folder, 'ca') });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('has the certificates it was made with, and they name their issuer', async () => {
    const swtpm = await startSwtpm({ stateDir: stateDir() });
    const tpm = new Tpm(await swtpm.open(), crypto);
    expect(expectOk(await openEndorsementKey(tpm)).certificate).toEqual(made.rsa2048Certificate);
    expect(expectOk(await openEndorsementKey(tpm, 'ecc-p384')).certificate).toEqual(made.eccP384Certificate);
    expect([existsSync(made.rootFile), existsSync(made.issuerFile)]).toEqual([true, true]);
    await swtpm.stop();
  });
  it('activates a credential made to its P-384 endorsement key', async () => {
    const swtpm = await startSwtpm({ stateDir: stateDir() });
    const tpm = new Tpm(await swtpm.open(), crypto);
    const [ek, ak] = [expectOk(await openEndorsementKey(tpm, 'ecc-p384')), expectOk(await createAttestationKey(tpm))];
    const secret = crypto.random(32);
    const credential = expectOk(makeCredential(crypto, ek.publicArea, ak.name, new Secret(secret)));
    expect(expectOk(await activateCredential(tpm, ek, ak, credential)).use(toHex)).toBe(toHex(secret));
    await swtpm.stop();
  });
  it('is the same TPM after a stop, with the keys it was told to keep', async () => {
    const names: string[] = [];
    for (const first of [true, false]) {
      const swtpm = await startSwtpm({ stateDir: stateDir() });
      const tpm = new Tpm(await swtpm.open(), crypto);
      if (first) {
        const srk = expectOk(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256));
        expectOk(await makePersistent(tpm, srk, WELL_KNOWN.storageRootKey));
      }
      names.push(toHex(expectOk(await readPublic(tpm, WELL_KNOWN.storageRootKey)).name));
      await swtpm.stop();
    }
    expect(names[0]).toBe(names[1]);
  });
  it('is not locked out by many starts and stops (dictionary attack protection)', async () => {
    for (let round = 0; round < 5; round++) {
      const swtpm = await startSwtpm({ stateDir: stateDir() });
      const tpm = new Tpm(await swtpm.open(), crypto);
      const [ek, ak] = [expectOk(await openEndorsementKey(tpm)), expectOk(await createAttestationKey(tpm))];
      const credential = expectOk(makeCredential(crypto, ek.publicArea, ak.name, new Secret(Uint8Array.of(1))));
      expectOk(await activateCredential(tpm, ek, ak, credential));
      await swtpm.stop();
    }
  });
  it('takes one connection at a time, and says so', async () => {
    const swtpm = await startSwtpm({ stateDir: stateDir() });
    const transport = await swtpm.open();
    await expect(swtpm.open()).rejects.toThrow('one connection at a time');
    await transport.close();
    await (await swtpm.open()).close();
    await swtpm.stop();
    await swtpm.stop();
  });
  it('has all its slots again after a client that had it for itself', async () => {
    const swtpm = await startSwtpm({ stateDir: stateDir() });
    const alone = new Tpm(await swtpm.open(), crypto, { exclusive: true });
    for (let slot = 0; slot < 3; slot++) expectOk(await createPrimary(alone, TPM_RH.null, SRK_ECC_P256));
    expect(await createPrimary(alone, TPM_RH.null, SRK_ECC_P256)).toMatchObject({
      fault: {
        response: { name: 'TPM_RC_OBJECT_MEMORY' },
        detail: expect.stringContaining('this client holds') as unknown,
      },
    });
    await alone.close();
    const next = new Tpm(await swtpm.open(), crypto);
    expect(expectOk(await listHandles(next, 0x80000000, 0x80ffffff))).toEqual([]);
    await swtpm.stop();
  });
  it('that cannot start says why', async () => {
    await expect(startSwtpm({ stateDir: join(folder, 'nowhere') })).rejects.toThrow(
      /cannot use its state.*lockfile|Could not initialize/s,
    );
  });
  it('leaves no socket folder behind', async () => {
    const swtpm = await startSwtpm({ stateDir: stateDir() });
    expect(existsSync(swtpm.socketPath!)).toBe(true);
    await swtpm.stop();
    expect(existsSync(join(swtpm.socketPath!, '..'))).toBe(false);
  });
});

describe.skipIf(missing('swtpm', 'swtpm_setup'))('a swtpm whose state is encrypted', () => {
  let folder: string;
  const stateKey = new Secret(crypto.random(32));
  const stateDir = () => join(folder, 'tpm');
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
    await createSwtpmState({ stateDir: stateDir(), stateKey });
  });
  afterAll(() => rm(folder, { recursive: true }));
  const stateFile = () => readFile(join(stateDir(), 'tpm2-00.permall'));

  it('has endorsement keys and nothing readable in its state', async () => {
    const swtpm = await startSwtpm({ stateDir: stateDir(), stateKey });
    const tpm = new Tpm(await swtpm.open(), crypto);
    for (const handle of [WELL_KNOWN.rsa2048EndorsementKey, WELL_KNOWN.eccP384EndorsementKey]) {
      const { publicArea } = expectOk(await readPublic(tpm, handle));
      const { unique } = publicArea.value;
      const written = unique.is === 'rsa' ? unique.value : unique.is === 'ecc' ? unique.value.x : crypto.random(32);
      expect((await stateFile()).includes(written)).toBe(false);
    }
    await swtpm.stop();
  });
  it('is not told its key on the command line or in its environment', async () => {
    const swtpm = await startSwtpm({ stateDir: stateDir(), stateKey });
    const hex = stateKey.use(toHex);
    for (const file of ['cmdline', 'environ'])
      expect((await readFile(`/proc/${swtpm.pid}/${file}`)).includes(hex)).toBe(false);
    await swtpm.stop();
  });
  it.each([
    ['with another key', { stateKey: new Secret(crypto.random(32)) }],
    ['without a key', {}],
  ])('does not start %s, and its state stays as it is', async (_, key) => {
    const before = await stateFile();
    await expect(startSwtpm({ stateDir: stateDir(), ...key })).rejects.toThrow(SwtpmStateError);
    expect(await stateFile()).toEqual(before);
  });
  it('does not start with a state of which one byte was changed', async () => {
    const damaged = join(folder, 'damaged');
    await cp(stateDir(), damaged, { recursive: true });
    const bytes = await stateFile();
    bytes[bytes.length - 100]! ^= 1;
    await writeFile(join(damaged, 'tpm2-00.permall'), bytes);
    await expect(startSwtpm({ stateDir: damaged, stateKey })).rejects.toThrow(SwtpmStateError);
  });
  it('is not made with a key of another length', async () => {
    const short = new Secret(crypto.random(16));
    await expect(createSwtpmState({ stateDir: join(folder, 'short'), stateKey: short })).rejects.toThrow(RangeError);
  });
});
