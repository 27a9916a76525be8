import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import { attestationStoreContract, keyProtectionStoreContract } from '../src/contract.ts';
import { aHost, enrolled, uuid } from '../src/contract/fixtures.ts';
import { memoryAttestationStore, memoryKeyProtectionStore } from '../src/index.ts';

attestationStoreContract('memory', nodeCrypto, async () => {
  const store = memoryAttestationStore(nodeCrypto);
  return async () => store;
});

keyProtectionStoreContract('memory', nodeCrypto, async () => {
  const store = memoryKeyProtectionStore(nodeCrypto);
  return async () => store;
});

it('keeps its own copy: who changes what came out, or what went in, changes nothing inside', async () => {
  const store = memoryAttestationStore(nodeCrypto);
  const host = await enrolled(store, 1);
  host.endorsementKeys[0].public.fill(0);
  host.enrolledAt.setTime(0);
  const root = {
    der: Uint8Array.of(1),
    vendor: 'v',
    addedBy: 'a',
    addedAt: new Date(0),
    insecure: false,
    manufacturers: null,
  };
  const audit = { at: new Date(0), kind: 'tpm-root.added', actor: 'a', subject: 's', body: {} };
  expectOk(await store.addTpmRoot({ root, audit }));
  root.der.fill(9);
  expect(await store.host(uuid(1))).toMatchObject(aHost(1));
  expect((await store.tpmRoots())[0]?.der).toEqual(Uint8Array.of(1));
});
