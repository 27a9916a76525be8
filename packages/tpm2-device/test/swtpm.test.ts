import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
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
import { manufactureSwtpm, type Manufactured, startSwtpm } from '../src/swtpm.ts';
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
  it('that cannot start says why', async () => {
    await expect(startSwtpm({ stateDir: join(folder, 'nowhere') })).rejects.toThrow(/swtpm did not start/);
  });
  it('leaves no socket folder behind', async () => {
    const swtpm = await startSwtpm({ stateDir: stateDir() });
    expect(existsSync(swtpm.socketPath!)).toBe(true);
    await swtpm.stop();
    expect(existsSync(join(swtpm.socketPath!, '..'))).toBe(false);
  });
});
