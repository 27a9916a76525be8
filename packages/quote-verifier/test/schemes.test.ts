import { concat } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import type { HashName } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { publicArea, type SigningScheme, TPM2B_PUBLIC, TPMT_SIGNATURE } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { AttestationKey, type ExpectedQuote, VerifiedQuote } from '../src/index.ts';
import { areaOf, crypto, type ForgedKey, type Forger, forger, NONCE, PCRS, quoteBy, SELECTION } from './forger.ts';

const refused = (code: string) => ({ ok: false, fault: { code } });
const HASHES = ['sha256', 'sha384', 'sha512'] as const;
const RSA = { type: 'rsa', bits: 2048 } as const;
const KEYS: readonly ForgedKey[] = [
  ...(['P-256', 'P-384', 'P-521'] as const).flatMap((curve) =>
    HASHES.map((hashAlg): ForgedKey => ({ key: { type: 'ec', curve }, scheme: { scheme: 'ecdsa', hashAlg } })),
  ),
  ...(['rsassa', 'rsapss'] as const).flatMap((scheme) =>
    HASHES.map((hashAlg): ForgedKey => ({ key: RSA, scheme: { scheme, hashAlg } })),
  ),
  { key: { type: 'rsa', bits: 3072 }, scheme: { scheme: 'rsassa', hashAlg: 'sha256' } },
];
const SHA1: readonly ForgedKey[] = [
  { key: RSA, scheme: { scheme: 'rsassa', hashAlg: 'sha1' } },
  { key: RSA, scheme: { scheme: 'rsapss', hashAlg: 'sha1' } },
  { key: { type: 'ec', curve: 'P-256' }, scheme: { scheme: 'ecdsa', hashAlg: 'sha1' } },
];
const named = (kinds: readonly ForgedKey[]) =>
  kinds.map((kind) => {
    const of = kind.key.type === 'rsa' ? `RSA-${kind.key.bits}` : kind.key.curve;
    return [`${of}, ${kind.scheme.scheme} with ${kind.scheme.hashAlg}`, kind] as const;
  });

const digestOf = (hash: HashName) => crypto.hash(hash, concat(...PCRS.map(({ value }) => value)));
const quoteOf = (by: Forger, pcrDigest = digestOf(by.key.scheme.hashAlg)) =>
  quoteBy(by.key, { attested: { is: 'quote', value: { pcrSelect: [SELECTION], pcrDigest } } });
const expecting = (by: Forger, more: Partial<ExpectedQuote> = {}): ExpectedQuote => ({
  attestationKey: by.key,
  extraData: NONCE,
  selection: SELECTION,
  previous: undefined,
  ...more,
});

describe('a signing scheme', () => {
  it.each(named(KEYS))('%s: signs, and its hash makes the digest of the PCRs', async (_, kind) => {
    const by = await forger(kind);
    expect(by.key.scheme).toEqual(kind.scheme);
    const evidence = { ...(await by.sign(quoteOf(by))), pcrs: PCRS };
    expect(VerifiedQuote.verify(crypto, evidence, expecting(by)).ok).toBe(true);
    const other = await forger(kind);
    const foreign = { ...(await other.sign(quoteOf(by))), pcrs: PCRS };
    expect(VerifiedQuote.verify(crypto, foreign, expecting(by))).toMatchObject(refused('quote-signature'));
    const otherHash = kind.scheme.hashAlg === 'sha256' ? 'sha384' : 'sha256';
    const digest = { ...(await by.sign(quoteOf(by, digestOf(otherHash)))), pcrs: PCRS };
    expect(VerifiedQuote.verify(crypto, digest, expecting(by))).toMatchObject(refused('quote-digest'));
  });
  it.each([0, 20, 32, 222])('RSAPSS with a salt of %i bytes', async (saltLength) => {
    const by = await forger({ key: RSA, scheme: { scheme: 'rsapss', hashAlg: 'sha256' }, saltLength });
    const evidence = { ...(await by.sign(quoteOf(by))), pcrs: PCRS };
    expect(VerifiedQuote.verify(crypto, evidence, expecting(by)).ok).toBe(true);
  });
  it.each<readonly [string, ForgedKey, SigningScheme]>([
    [
      'another padding',
      { key: RSA, scheme: { scheme: 'rsassa', hashAlg: 'sha256' } },
      { scheme: 'rsapss', hashAlg: 'sha256' },
    ],
    [
      'another hash',
      { key: RSA, scheme: { scheme: 'rsassa', hashAlg: 'sha256' } },
      { scheme: 'rsassa', hashAlg: 'sha512' },
    ],
    ['SHA-1', { key: RSA, scheme: { scheme: 'rsassa', hashAlg: 'sha256' } }, { scheme: 'rsassa', hashAlg: 'sha1' }],
    ['another hash', KEYS[0] as ForgedKey, { scheme: 'ecdsa', hashAlg: 'sha384' }],
    ['SHA-1', KEYS[0] as ForgedKey, { scheme: 'ecdsa', hashAlg: 'sha1' }],
  ])('quote-signature: %s than the key was made for, though that key signed', async (_, kind, scheme) => {
    const pair = await crypto.generateKey(kind.key);
    const area = publicArea(areaOf(pair.publicKey, kind.scheme));
    const key = expectOk(AttestationKey.enrol(crypto, encode(TPM2B_PUBLIC, area)));
    const { attest } = await (await forger()).sign(quoteBy(key));
    const raw = await pair.sign(`${scheme.scheme}-${scheme.hashAlg}`, attest);
    const hash = scheme.hashAlg;
    const signature = encode(
      TPMT_SIGNATURE,
      scheme.scheme === 'ecdsa'
        ? { sigAlg: 'ecdsa', hash, signatureR: raw.subarray(0, 32), signatureS: raw.subarray(32) }
        : { sigAlg: scheme.scheme, hash, sig: raw },
    );
    const expected = { attestationKey: key, extraData: NONCE, selection: SELECTION, previous: undefined };
    const outcome = VerifiedQuote.verify(crypto, { attest, signature, pcrs: PCRS }, expected);
    expect(outcome).toMatchObject(refused('quote-signature'));
  });
  it.each([
    ['rsassa', { sigAlg: 'rsapss', hash: 'sha256' }],
    ['rsassa', { sigAlg: 'rsassa', hash: 'sha384' }],
    ['rsapss', { sigAlg: 'rsassa', hash: 'sha256' }],
    ['rsapss', { sigAlg: 'rsapss', hash: 'sha1' }],
  ] as const)('quote-signature: a good one of %s that says it is another: %o', async (scheme, label) => {
    const by = await forger({ key: RSA, scheme: { scheme, hashAlg: 'sha256' } });
    const signed = await by.sign(quoteOf(by));
    const read = expectOk(decode(TPMT_SIGNATURE, signed.signature));
    if (!('sig' in read)) throw new Error('an RSA signature was made');
    const signature = encode(TPMT_SIGNATURE, { ...read, ...label });
    const outcome = VerifiedQuote.verify(crypto, { ...signed, signature, pcrs: PCRS }, expecting(by));
    expect(outcome).toMatchObject(refused('quote-signature'));
  });
  it('takes the numbers of an ECDSA signature with or without leading zeros, and none out of range', async () => {
    const by = await forger();
    const signed = await by.sign(quoteOf(by));
    const read = expectOk(decode(TPMT_SIGNATURE, signed.signature));
    if (read.sigAlg !== 'ecdsa') throw new Error('an ECDSA signature was made');
    const outcome = (signatureR: Uint8Array, signatureS = read.signatureS) => {
      const signature = encode(TPMT_SIGNATURE, { ...read, signatureR, signatureS });
      return VerifiedQuote.verify(crypto, { ...signed, signature, pcrs: PCRS }, expecting(by));
    };
    expect(outcome(concat(new Uint8Array(2), read.signatureR)).ok).toBe(true);
    for (const bad of [
      new Uint8Array(0),
      new Uint8Array(32),
      new Uint8Array(32).fill(0xff),
      new Uint8Array(66).fill(1),
    ])
      expect(outcome(bad)).toMatchObject(refused('quote-signature'));
  });
});

describe('SHA-1', () => {
  it.each(named(SHA1))('%s: refused, unless policy says otherwise', async (_, kind) => {
    const by = await forger(kind, { insecureSha1: true });
    expect(AttestationKey.enrol(crypto, by.key.tpm2bPublic)).toMatchObject(refused('attestation-key-algorithm'));
    expect(AttestationKey.enrol(crypto, by.key.tpm2bPublic, undefined, {})).toMatchObject(
      refused('attestation-key-algorithm'),
    );
    const evidence = { ...(await by.sign(quoteOf(by))), pcrs: PCRS };
    expect(VerifiedQuote.verify(crypto, evidence, expecting(by)).ok).toBe(true);
  });
  it('a key that may sign with it has no SHA-1 Name for that', async () => {
    const { publicKey } = await crypto.generateKey(RSA);
    const area = publicArea({ ...areaOf(publicKey, { scheme: 'rsassa', hashAlg: 'sha1' }), nameAlg: 'sha1' });
    expect(AttestationKey.enrol(crypto, encode(TPM2B_PUBLIC, area), undefined, { insecureSha1: true })).toMatchObject(
      refused('attestation-key-algorithm'),
    );
  });
  it('a bank of it: refused, unless policy says otherwise', async () => {
    const by = await forger();
    const pcrs = PCRS.map(({ index, value }) => ({ index, value: crypto.hash('sha1', value) }));
    const pcrSelect = [{ bank: 'sha1', indices: SELECTION.indices }] as const;
    const pcrDigest = crypto.hash('sha256', concat(...pcrs.map(({ value }) => value)));
    const evidence = {
      ...(await by.sign(quoteBy(by.key, { attested: { is: 'quote', value: { pcrSelect, pcrDigest } } }))),
      pcrs,
    };
    const selection = { ...pcrSelect[0], insecureSha1: true } as const;
    const quote = expectOk(VerifiedQuote.verify(crypto, evidence, expecting(by, { selection })));
    expect(quote.pcr(7)).toEqual(pcrs[7]!.value);
    const without = expecting(by, { selection: pcrSelect[0] as never });
    expect(() => VerifiedQuote.verify(crypto, evidence, without)).toThrow(RangeError);
    expect(VerifiedQuote.verify(crypto, evidence, expecting(by))).toMatchObject(refused('quote-selection'));
  });
});
