import { toHex } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { type PrivateKey, Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  AK_ECC_P256,
  type Credential,
  type DuplicatedObject,
  duplicateTo,
  EK_ECC_P384,
  EK_RSA_2048,
  EK_TEMPLATES,
  makeCredential,
  nameOf,
  openCredential,
  openDuplicate,
  outerProtection,
  type PublicArea,
  publicArea,
  sealedData,
  type SealedData,
  type SeedKey,
  shareSeed,
  TPM2B_SENSITIVE,
  wrapOuter,
} from '../src/index.ts';

const DATA = Uint8Array.from({ length: 32 }, (_, at) => at);
const POLICY = new Uint8Array(32).fill(7);

async function keyLike(template: PublicArea, spec: Parameters<typeof crypto.generateKey>[0]): Promise<SeedKey> {
  const privateKey: PrivateKey = await crypto.generateKey(spec);
  const { publicKey } = privateKey;
  const unique =
    publicKey.type === 'rsa'
      ? ({ is: 'rsa', value: publicKey.modulus } as const)
      : ({ is: 'ecc', value: { x: publicKey.x, y: publicKey.y } } as const);
  return { publicArea: publicArea({ ...template.value, unique }), privateKey };
}
const rsa = await keyLike(EK_RSA_2048, { type: 'rsa', bits: 2048 });
const ecc = await keyLike(EK_ECC_P384, { type: 'ec', curve: 'P-384' });
const small = await keyLike(EK_TEMPLATES['L-2'].key, { type: 'ec', curve: 'P-256' });
const kinds = [
  ['P-256, SHA-256, AES-128', small, rsa],
  ['RSA-2048, SHA-256, AES-128', rsa, ecc],
  ['P-384, SHA-384, AES-256', ecc, rsa],
] as const;

describe.each(kinds)('an object duplicated to %s', (_, parent, other) => {
  const object = sealedData(crypto, { data: new Secret(DATA), authPolicy: POLICY });
  const duplicated = (inner: boolean) => expectOk(duplicateTo(crypto, parent.publicArea, object, { inner }));

  it.each([false, true])('opens with that key alone (inner wrapping: %s)', async (inner) => {
    const sent = duplicated(inner);
    expect(toHex(sent.duplicate)).not.toContain(toHex(DATA));
    const opened = expectOk(await openDuplicate(crypto, parent, sent));
    expect(opened).toEqual(object.sensitive);
    expect(await openDuplicate(crypto, other, sent)).toMatchObject({ fault: { code: 'duplicate-malformed' } });
    const { publicKey } = parent.privateKey;
    const twin = await keyLike(
      parent.publicArea,
      publicKey.type === 'rsa' ? { type: 'rsa', bits: 2048 } : { type: 'ec', curve: publicKey.curve },
    );
    expect((await openDuplicate(crypto, twin, sent)).ok).toBe(false);
  });

  it.each([false, true])('is refused where a bit of it was changed (inner wrapping: %s)', async (inner) => {
    const sent = duplicated(inner);
    for (let at = 0; at < sent.duplicate.length; at++) {
      const duplicate = Uint8Array.from(sent.duplicate);
      duplicate[at]! ^= 1;
      expect((await openDuplicate(crypto, parent, { ...sent, duplicate })).ok, `byte ${at}`).toBe(false);
      expect((await openDuplicate(crypto, parent, { ...sent, duplicate: sent.duplicate.subarray(0, at) })).ok).toBe(
        false,
      );
    }
    const name = publicArea({ ...sent.objectPublic.value, authPolicy: new Uint8Array(32) });
    const refused = { fault: { code: 'duplicate-integrity' } };
    expect(await openDuplicate(crypto, parent, { ...sent, objectPublic: name })).toMatchObject(refused);
  });

  it('does not open without the key of its inner wrapping', async () => {
    const sent = duplicated(true);
    const wrong: readonly Partial<DuplicatedObject>[] = [
      { encryptionKey: new Uint8Array(16) },
      { encryptionKey: new Uint8Array(0) },
      { symmetricAlg: { algorithm: 'aes', keyBits: 256, mode: 'cfb' } },
      { symmetricAlg: { algorithm: 'sm4', keyBits: 128, mode: 'cfb' } },
    ];
    for (const change of wrong)
      expect(await openDuplicate(crypto, parent, { ...sent, ...change })).toMatchObject({
        fault: { code: 'duplicate-integrity' },
      });
  });

  it('is never one that is fixed, and never goes to a key that protects nothing', async () => {
    const fixed = publicArea({
      ...object.publicArea.value,
      objectAttributes: { ...object.publicArea.value.objectAttributes, fixedTPM: true },
    });
    expect(duplicateTo(crypto, parent.publicArea, { ...object, publicArea: fixed })).toMatchObject({
      fault: { code: 'object-fixed' },
    });
    const needsInner = publicArea({
      ...object.publicArea.value,
      objectAttributes: { ...object.publicArea.value.objectAttributes, encryptedDuplication: true },
    });
    expect(duplicateTo(crypto, parent.publicArea, { ...object, publicArea: needsInner })).toMatchObject({
      fault: { code: 'object-fixed' },
    });
    expect(duplicateTo(crypto, AK_ECC_P256, object)).toMatchObject({ fault: { code: 'not-a-storage-key' } });
    expect(await openDuplicate(crypto, { ...parent, publicArea: AK_ECC_P256 }, duplicated(false))).toMatchObject({
      fault: { code: 'not-a-storage-key' },
    });
  });

  it('has two halves that belong together', async () => {
    const alien = publicArea({ ...object.publicArea.value, unique: { is: 'keyedhash', value: new Uint8Array(32) } });
    expect(() => duplicateTo(crypto, parent.publicArea, { ...object, publicArea: alien })).toThrow('belong together');
    const { seed, encrypted } = expectOk(shareSeed(crypto, parent.publicArea, 'DUPLICATE'));
    const clear = encode(TPM2B_SENSITIVE, object.sensitive);
    const forged = {
      encryptionKey: new Uint8Array(0),
      objectPublic: alien,
      duplicate: wrapOuter(crypto, outerProtection(parent.publicArea, seed), nameOf(crypto, alien), clear),
      inSymSeed: encrypted,
      symmetricAlg: { algorithm: 'null' },
    } as const;
    expect(await openDuplicate(crypto, parent, forged)).toMatchObject({ fault: { code: 'duplicate-integrity' } });
  });

  it('is made of data that something protects', () => {
    expect(() => sealedData(crypto, { data: new Secret(DATA) })).toThrow('nothing protects');
    expect(() => sealedData(crypto, { data: new Secret(DATA), authPolicy: POLICY.subarray(1) })).toThrow(
      'policy digest',
    );
    const authValue = new Secret(DATA);
    const flag = (given: Omit<SealedData, 'data'>) =>
      sealedData(crypto, { data: new Secret(DATA), ...given }).publicArea.value.objectAttributes.userWithAuth;
    expect([flag({ authPolicy: POLICY }), flag({ authPolicy: POLICY, authValue }), flag({ authValue })]).toEqual([
      false,
      false,
      true,
    ]);
    expect(flag({ authPolicy: POLICY, authValue, userWithAuth: true })).toBe(true);
    expect(() => flag({ authPolicy: POLICY, userWithAuth: true })).toThrow('nothing protects');
    expect(() => sealedData(crypto, { data: new Secret(new Uint8Array(129)), authPolicy: POLICY })).toThrow(RangeError);
  });
});

describe.each(kinds)('a credential made to %s', (_, endorsementKey, other) => {
  const name = nameOf(crypto, AK_ECC_P256);
  const made = () => expectOk(makeCredential(crypto, endorsementKey.publicArea, name, new Secret(DATA)));

  it('opens with that key, for that object', async () => {
    const credential = made();
    expect(expectOk(await openCredential(crypto, endorsementKey, name, credential)).use(toHex)).toBe(toHex(DATA));
    const foreign = nameOf(crypto, EK_RSA_2048);
    expect(await openCredential(crypto, endorsementKey, foreign, credential)).toMatchObject({
      fault: { code: 'credential-integrity' },
    });
    expect((await openCredential(crypto, other, name, credential)).ok).toBe(false);
  });

  it('is refused where a bit of it was changed or missing', async () => {
    const credential = made();
    const parts: readonly (keyof Credential)[] = ['credentialBlob', 'encryptedSecret'];
    for (const part of parts)
      for (let at = 0; at < credential[part].length; at++) {
        const changed = Uint8Array.from(credential[part]);
        changed[at]! ^= 1;
        for (const bytes of [changed, credential[part].subarray(0, at)])
          expect((await openCredential(crypto, endorsementKey, name, { ...credential, [part]: bytes })).ok).toBe(false);
      }
  });
});
