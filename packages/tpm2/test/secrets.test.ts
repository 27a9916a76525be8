import { toHex, u16be, utf8 } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  AK_ECC_P256,
  EK_ECC_P384,
  EK_POLICY_A,
  EK_POLICY_B,
  EK_POLICY_C,
  EK_RSA_2048,
  kdfa,
  kdfe,
  makeCredential,
  nameOfHandle,
  PolicyDigest,
  protectCredential,
  publicArea,
  TPM2B_ENCRYPTED_SECRET,
  TPM_RH,
} from '../src/index.ts';
import { hex } from './bytes.ts';

const NONE = new Uint8Array(0);
const range = (length: number) => Uint8Array.from({ length }, (_, at) => at);

describe('key derivation', () => {
  it('KDFa', () => {
    const key = kdfa(crypto, 'sha256', new Uint8Array(32), 'STORAGE', hex('0102'), NONE, 128);
    expect(key.use(toHex)).toBe('9ac61771917c5b3b85731e35cc17b7d8');
  });
  it('KDFe', () => {
    const [z, u, v] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array, Uint8Array];
    expect(kdfe(crypto, 'sha256', new Secret(z), 'IDENTITY', u, v, 256).use(toHex)).toBe(
      '2073a3306eedcfb178183d8a721f949bba9c3d4501b6c2839487bbdd3b973070',
    );
  });
  it('runs over several blocks and keeps the first bytes', () => {
    const long = kdfa(crypto, 'sha256', utf8('key'), 'CFB', hex('01'), hex('02'), 800);
    expect(long.length).toBe(100);
    // The number of bits is part of the message, so a shorter output is another one.
    expect(kdfa(crypto, 'sha256', utf8('key'), 'CFB', hex('01'), hex('02'), 256).use(toHex)).not.toBe(
      long.use((bytes) => toHex(bytes.subarray(0, 32))),
    );
    const odd = kdfa(crypto, 'sha256', utf8('key'), 'CFB', NONE, NONE, 521);
    expect([odd.length, odd.use((bytes) => bytes[0]! <= 1)]).toEqual([66, true]);
  });
});

describe('policy digests', () => {
  it.each(['sha256', 'sha384', 'sha512'] as const)('of endorsement keys (%s)', (hash) => {
    const secret = PolicyDigest.start(crypto, hash).secret(nameOfHandle(TPM_RH.endorsement)!);
    expect(toHex(secret.digest)).toBe(toHex(EK_POLICY_A[hash]));
    const either = PolicyDigest.or(crypto, hash, [EK_POLICY_A[hash], EK_POLICY_C[hash]]);
    expect(toHex(either.digest)).toBe(toHex(EK_POLICY_B[hash]));
  });
  it('extend by their command code and arguments', () => {
    const start = PolicyDigest.start(crypto, 'sha256');
    const zeros = '00'.repeat(32);
    const digest = (text: string) => toHex(crypto.hash('sha256', hex(zeros + text)));
    expect(toHex(start.authValue().digest)).toBe(digest('0000016b'));
    expect(toHex(start.commandCode(0x154).digest)).toBe(digest('0000016c00000154'));
    expect(toHex(start.pcr([{ bank: 'sha256', indices: [0, 7, 16] }], new Uint8Array(32).fill(9)).digest)).toBe(
      digest(`0000017f00000001000b03810001${'09'.repeat(32)}`),
    );
    expect(toHex(start.digest)).toBe(zeros);
    const authorized = PolicyDigest.authorize(crypto, 'sha256', hex('000b01'), hex('0708'));
    expect(toHex(authorized.digest)).toBe(toHex(crypto.hash('sha256', hex(`${digest('0000016a000b01')}0708`))));
  });
});

describe('makeCredential', () => {
  const name = hex('000bf0422363c0ace513534d90073cf07bd8deac6bcac88a195336b1d17b28bdb0a8');
  const secret = new Secret(hex('00112233445566778899aabbccddeeff'));

  it('gives the known blob for a known seed', () => {
    expect(toHex(protectCredential(crypto, EK_RSA_2048, new Secret(range(32)), name, secret))).toBe(
      '00340020442e0f202d790da81af8191013cb1bbee0e48acded29e6c6c91ce6b23f5e2a790cd3afa19d4a2b07442ce34e59d6880152aa',
    );
  });
  it('hides the seed with OAEP under the label IDENTITY and its NUL', async () => {
    const key = await crypto.generateKey({ type: 'rsa', bits: 2048 });
    if (key.publicKey.type !== 'rsa') throw new Error('an RSA key was asked for');
    const ek = publicArea({ ...EK_RSA_2048.value, unique: { is: 'rsa', value: key.publicKey.modulus } });
    const credential = expectOk(makeCredential(crypto, ek, name, secret));
    const encrypted = expectOk(decode(TPM2B_ENCRYPTED_SECRET, credential.encryptedSecret));
    const seed = await key.decrypt('sha256', utf8('IDENTITY\0'), encrypted);
    expect(toHex(protectCredential(crypto, ek, seed!, name, secret))).toBe(toHex(credential.credentialBlob));
    expect(toHex(expectOk(makeCredential(crypto, ek, name, secret)).credentialBlob)).not.toBe(
      toHex(credential.credentialBlob),
    );
  });
  it('agrees on the seed with an EC endorsement key', async () => {
    const key = await crypto.generateKey({ type: 'ec', curve: 'P-384' });
    if (key.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
    const { x, y } = key.publicKey;
    const ek = publicArea({ ...EK_ECC_P384.value, unique: { is: 'ecc', value: { x, y } } });
    const credential = expectOk(makeCredential(crypto, ek, name, secret));
    const point = expectOk(decode(TPM2B_ENCRYPTED_SECRET, credential.encryptedSecret));
    expect(toHex(point.subarray(0, 2))).toBe(toHex(u16be(48)));
    const ephemeral = expectOk(
      crypto.publicKey({ type: 'ec', curve: 'P-384', x: point.subarray(2, 50), y: point.subarray(52) }),
    );
    if (ephemeral.type !== 'ec') throw new Error('a point was sent');
    const z = await key.agree(ephemeral);
    const seed = kdfe(crypto, 'sha384', z, 'IDENTITY', ephemeral.x, x, 384);
    expect(toHex(protectCredential(crypto, ek, seed, name, secret))).toBe(toHex(credential.credentialBlob));
  });
  it('is made to storage keys alone', () => {
    expect(makeCredential(crypto, AK_ECC_P256, name, secret)).toMatchObject({ fault: { code: 'not-a-storage-key' } });
    expect(makeCredential(crypto, EK_RSA_2048, name, secret)).toMatchObject({ fault: { code: 'invalid-key' } });
    expect(() => protectCredential(crypto, EK_RSA_2048, secret, name, new Secret(new Uint8Array(33)))).toThrow(
      RangeError,
    );
  });
});
