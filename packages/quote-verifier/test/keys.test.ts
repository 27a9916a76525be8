import { concat, toHex, u16be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import {
  AK_ECC_P256,
  AK_RSA_2048,
  EK_ECC_P384,
  EK_RSA_2048,
  nameOf,
  publicArea,
  qualifiedNameOfPrimary,
  TPM2B_PUBLIC,
  TPM_RH,
  type TpmtPublic,
} from '@sekimori/tpm2';
import { beforeAll, describe, expect, it } from 'vitest';
import { AttestationKey, EndorsementKey } from '../src/index.ts';
import { crypto, damaged, NONCE } from './forger.ts';

type Unique = TpmtPublic['unique'];
const uniques: Record<'rsa' | 'p256' | 'p384', Unique> = {} as never;
beforeAll(async () => {
  uniques.rsa = uniqueOf((await crypto.generateKey({ type: 'rsa', bits: 2048 })).publicKey);
  uniques.p256 = uniqueOf((await crypto.generateKey({ type: 'ec', curve: 'P-256' })).publicKey);
  uniques.p384 = uniqueOf((await crypto.generateKey({ type: 'ec', curve: 'P-384' })).publicKey);
});
function uniqueOf(key: Awaited<ReturnType<typeof crypto.generateKey>>['publicKey']): Unique {
  return key.type === 'rsa' ? { is: 'rsa', value: key.modulus } : { is: 'ecc', value: { x: key.x, y: key.y } };
}

const tpm2b = (area: TpmtPublic) => encode(TPM2B_PUBLIC, publicArea(area));
const rsaAk = (): TpmtPublic => ({ ...AK_RSA_2048.value, unique: uniques.rsa });
const eccAk = (): TpmtPublic => ({ ...AK_ECC_P256.value, unique: uniques.p256 });
const rsaEk = (): TpmtPublic => ({ ...EK_RSA_2048.value, unique: uniques.rsa });
const eccEk = (): TpmtPublic => ({ ...EK_ECC_P384.value, unique: uniques.p384 });
const without = (area: TpmtPublic, attribute: keyof TpmtPublic['objectAttributes']): TpmtPublic => ({
  ...area,
  objectAttributes: { ...area.objectAttributes, [attribute]: !area.objectAttributes[attribute] },
});
const withParameters = (area: TpmtPublic, change: object): TpmtPublic =>
  ({ ...area, parameters: { ...area.parameters, value: { ...area.parameters.value, ...change } } }) as TpmtPublic;
const refused = (code: string) => ({ ok: false, fault: { code } });
/** k*M + 65537^c mod M, M the product of the small primes: how the flawed library's moduli look. */
function rocaModulus(): Uint8Array {
  const primes = [2n];
  for (let n = 3n; n <= 167n; n += 2n) if (primes.every((prime) => n % prime !== 0n)) primes.push(n);
  const m = primes.reduce((product, prime) => product * prime, 1n);
  let residue = 1n;
  for (let i = 0; i < 12345; i++) residue = (residue * 65537n) % m;
  const value = ((0xc5n << 2040n) / m) * m + residue;
  return Uint8Array.from({ length: 256 }, (_, at) => Number((value >> BigInt(8 * (255 - at))) & 0xffn));
}

describe('AttestationKey', () => {
  it.each([
    ['RSA', rsaAk, 'rsassa'],
    ['EC', eccAk, 'ecdsa'],
  ] as const)('of kind %s has Names computed from its public area', (_, area, scheme) => {
    const key = expectOk(AttestationKey.enrol(crypto, tpm2b(area())));
    expect(key.name).toEqual(nameOf(crypto, publicArea(area())));
    expect(key.qualifiedName).toEqual(qualifiedNameOfPrimary(crypto, publicArea(area()), TPM_RH.endorsement));
    expect(key.scheme).toEqual({ scheme, hashAlg: 'sha256' });
    const again = expectOk(AttestationKey.enrol(crypto, key.tpm2bPublic));
    expect([again.name, again.qualifiedName]).toEqual([key.name, key.qualifiedName]);
  });
  it('takes the qualified name of a child key from enrolment', () => {
    const name = concat(u16be(0x000b), NONCE);
    expect(expectOk(AttestationKey.enrol(crypto, tpm2b(eccAk()), name)).qualifiedName).toEqual(name);
    const longer: TpmtPublic = { ...eccAk(), nameAlg: 'sha384' };
    const itsName = concat(u16be(0x000c), crypto.hash('sha384', NONCE));
    expect(expectOk(AttestationKey.enrol(crypto, tpm2b(longer), itsName)).qualifiedName).toEqual(itsName);
  });
  it.each([
    ['nothing', new Uint8Array(0)],
    ['a digest', NONCE],
    ['a byte less', concat(u16be(0x000b), NONCE.subarray(1))],
    ['a byte more', concat(u16be(0x000b), NONCE, Uint8Array.of(0))],
    ['one of SHA-384', concat(u16be(0x000c), crypto.hash('sha384', NONCE))],
    ['another algorithm before it', concat(u16be(0x0027), NONCE)],
  ])('is refused with a qualified name that is %s', (_, name) => {
    expect(AttestationKey.enrol(crypto, tpm2b(eccAk()), name)).toMatchObject(refused('attestation-key-malformed'));
  });
  it('is not changed by a caller that goes on using its buffers', () => {
    const [bytes, name] = [tpm2b(eccAk()), concat(u16be(0x000b), NONCE)];
    const key = expectOk(AttestationKey.enrol(crypto, bytes, name));
    bytes.fill(0);
    name.fill(0);
    expect(key.tpm2bPublic).toEqual(tpm2b(eccAk()));
    expect(key.qualifiedName).toEqual(concat(u16be(0x000b), NONCE));
  });
  it.each(['userWithAuth', 'noDA', 'adminWithPolicy', 'x509sign'] as const)('may have %s or not', (attribute) => {
    expect(AttestationKey.enrol(crypto, tpm2b(without(eccAk(), attribute))).ok).toBe(true);
  });
  it.each([
    'restricted',
    'sign',
    'fixedTPM',
    'fixedParent',
    'sensitiveDataOrigin',
    'decrypt',
    'encryptedDuplication',
  ] as const)('is refused for its attribute %s', (attribute) => {
    expect(AttestationKey.enrol(crypto, tpm2b(without(eccAk(), attribute)))).toMatchObject(
      refused('attestation-key-attributes'),
    );
  });
  it.each([
    ['no scheme', () => withParameters(rsaAk(), { scheme: { scheme: 'null' } })],
    ['SHA-1', () => withParameters(rsaAk(), { scheme: { scheme: 'rsassa', hashAlg: 'sha1' } })],
    ['ECDAA', () => withParameters(eccAk(), { scheme: { scheme: 'ecdaa', hashAlg: 'sha256', count: 1 } })],
    ['a cipher', () => withParameters(eccAk(), { symmetric: { algorithm: 'aes', keyBits: 128, mode: 'cfb' } })],
    ['a SHA-1 Name', (): TpmtPublic => ({ ...eccAk(), nameAlg: 'sha1' })],
  ])('is refused with %s', (_, area) => {
    expect(AttestationKey.enrol(crypto, tpm2b(area()))).toMatchObject(refused('attestation-key-algorithm'));
  });
  it.each([
    ['another exponent', () => withParameters(rsaAk(), { exponent: 3 })],
    ['a modulus of another size than it says', () => withParameters(rsaAk(), { keyBits: 3072 })],
    [
      'a modulus of one bit less than it says',
      (): TpmtPublic => ({
        ...withParameters(rsaAk(), { keyBits: 3072 }),
        unique: { is: 'rsa', value: Uint8Array.of(0x7f, ...new Uint8Array(383).fill(0xff)) },
      }),
    ],
    ['the ROCA fingerprint', (): TpmtPublic => ({ ...rsaAk(), unique: { is: 'rsa', value: rocaModulus() } })],
    [
      '1024 bits',
      (): TpmtPublic => ({
        ...withParameters(rsaAk(), { keyBits: 1024 }),
        unique: { is: 'rsa', value: new Uint8Array(128).fill(0xff) },
      }),
    ],
    ['a point off the curve', (): TpmtPublic => ({ ...eccAk(), unique: { is: 'ecc', value: { x: NONCE, y: NONCE } } })],
  ])('is refused with %s', (_, area) => {
    expect(AttestationKey.enrol(crypto, tpm2b(area()))).toMatchObject(refused('attestation-key-weak'));
  });
  it('is refused when bytes follow inside its size', () => {
    const whole = tpm2b(eccAk());
    const longer = concat(u16be(whole.length - 1), whole.subarray(2), Uint8Array.of(0));
    expect(AttestationKey.enrol(crypto, longer)).toMatchObject(refused('attestation-key-malformed'));
  });
  it('is refused when damaged, or is another key', () => {
    const name = toHex(nameOf(crypto, publicArea(eccAk())));
    for (const bytes of damaged(tpm2b(eccAk()))) {
      const key = AttestationKey.enrol(crypto, bytes);
      if (key.ok) expect(toHex(key.value.name)).not.toBe(name);
    }
    expect(AttestationKey.enrol(crypto, new Uint8Array(0))).toMatchObject(refused('attestation-key-malformed'));
  });
});

describe('EndorsementKey', () => {
  it.each([
    ['L-1', rsaEk],
    ['H-3', eccEk],
  ])('after template %s', (_, area) => {
    const key = expectOk(EndorsementKey.check(crypto, tpm2b(area())));
    expect(key.fingerprint).toBe(toHex(crypto.hash('sha256', key.publicKey.spki)));
    expect(key.name).toEqual(nameOf(crypto, publicArea(area())));
  });
  it.each([
    'restricted',
    'decrypt',
    'fixedTPM',
    'fixedParent',
    'sensitiveDataOrigin',
    'adminWithPolicy',
    'sign',
    'encryptedDuplication',
  ] as const)('is refused for its attribute %s', (attribute) => {
    expect(EndorsementKey.check(crypto, tpm2b(without(rsaEk(), attribute)))).toMatchObject(
      refused('endorsement-key-attributes'),
    );
  });
  it.each([
    ['no cipher', () => withParameters(rsaEk(), { symmetric: { algorithm: 'null' } })],
    ['AES of 64 bits', () => withParameters(rsaEk(), { symmetric: { algorithm: 'aes', keyBits: 64, mode: 'cfb' } })],
    ['CBC', () => withParameters(rsaEk(), { symmetric: { algorithm: 'aes', keyBits: 128, mode: 'cbc' } })],
    ['a scheme', () => withParameters(rsaEk(), { scheme: { scheme: 'rsaes' } })],
    ['a SHA-1 Name', (): TpmtPublic => ({ ...rsaEk(), nameAlg: 'sha1' })],
  ])('is refused with %s', (_, area) => {
    expect(EndorsementKey.check(crypto, tpm2b(area()))).toMatchObject(refused('endorsement-key-algorithm'));
  });
  it('is not changed by a caller that goes on using its buffer', () => {
    const bytes = tpm2b(eccEk());
    const key = expectOk(EndorsementKey.check(crypto, bytes));
    bytes.fill(0);
    expect(key.tpm2bPublic).toEqual(tpm2b(eccEk()));
  });
  it('is refused with another policy than the profile’s', () => {
    expect(EndorsementKey.check(crypto, tpm2b({ ...rsaEk(), authPolicy: NONCE }))).toMatchObject(
      refused('endorsement-key-policy'),
    );
  });
  it('is refused with the ROCA fingerprint', () => {
    const area: TpmtPublic = { ...rsaEk(), unique: { is: 'rsa', value: rocaModulus() } };
    expect(EndorsementKey.check(crypto, tpm2b(area))).toMatchObject(refused('endorsement-key-weak'));
  });
  it('is refused when it is no public area', () => {
    expect(EndorsementKey.check(crypto, NONCE)).toMatchObject(refused('endorsement-key-malformed'));
  });
});
