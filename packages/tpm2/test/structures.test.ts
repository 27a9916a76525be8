import { toHex } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  AK_ECC_P256,
  AK_RSA_2048,
  EK_ECC_P384,
  EK_RSA_2048,
  healthKeyTemplate,
  nameOf,
  pcrDigestOf,
  type PublicArea,
  publicArea,
  publicKeyOf,
  qualifiedNameOf,
  qualifiedNameOfPrimary,
  SRK_ECC_P256,
  TPM2B_PUBLIC,
  TPM_RH,
  TPMA_NV,
  TPMA_OBJECT,
  TPML_PCR_BANKS,
  TPML_PCR_SELECTION,
  TPMS_ATTEST,
  TPMT_PUBLIC,
  TPMT_SIGNATURE,
  TPMT_SYM_DEF,
  verifySignature,
} from '../src/index.ts';
import { hex } from './bytes.ts';

/** A quote of a software TPM by an RSA key with SHA-256 over PCR 0, 7 and 16. */
const QUOTE = hex(`ff544347 8018 0022 000b97957e9127a3a43844514867b62ec0e5f33653b7c390fc237403b11daa32f7a7
  0010 6e6f6e63652d30313233343536373839 0000000000000352 00000003 00000000 00 2019102300163636
  00000001 000b 03 810001 0020 ae25db84cdfed73b2e1a3717bafa8f558f6657556b3c0514b36f8060c1630291`);

describe('TPMS_ATTEST', () => {
  it('reads a quote and writes it again', () => {
    const quote = expectOk(decode(TPMS_ATTEST, QUOTE));
    expect(quote).toMatchObject({
      type: 'quote',
      clockInfo: { clock: 0x352n, resetCount: 3, restartCount: 0, safe: false },
      firmwareVersion: 0x2019102300163636n,
      attested: { is: 'quote', value: { pcrSelect: [{ bank: 'sha256', indices: [0, 7, 16] }] } },
    });
    expect(toHex(encode(TPMS_ATTEST, quote))).toBe(toHex(QUOTE));
  });
  it.each([
    ['another magic', 0, 0xfe],
    ['a type that is none', 5, 0x30],
    ['a boolean of 2', 76, 2],
    ['a bank that is no hash', 90, 0x10],
  ])('refuses %s', (_, at, value) => {
    const changed = Uint8Array.from(QUOTE);
    changed[at] = value;
    expect(decode(TPMS_ATTEST, changed)).toMatchObject({ ok: false, fault: { code: 'malformed' } });
  });
});

describe('PCR selection', () => {
  const selection = [{ bank: 'sha256', indices: [0, 7, 16] }] as const;
  it('is a bitmap, lowest bit first', () => {
    expect(toHex(encode(TPML_PCR_SELECTION, selection))).toBe('00000001000b03810001');
    expect(decode(TPML_PCR_SELECTION, hex('00000001 000b 03 810001'))).toEqual({ ok: true, value: selection });
  });
  it('takes a fourth byte where PCRs above 23 are meant, and no PCR above 31', () => {
    expect(toHex(encode(TPML_PCR_SELECTION, [{ bank: 'sha1', indices: [24] }]))).toBe('0000000100040400000001');
    expect(() => encode(TPML_PCR_SELECTION, [{ bank: 'sha1', indices: [32] }])).toThrow(RangeError);
  });
  it('of an unknown bank is a fault in evidence, and listed as a capability', () => {
    const sm3 = hex('00000001 0012 03 000000');
    expect(decode(TPML_PCR_SELECTION, sm3).ok).toBe(false);
    expect(decode(TPML_PCR_BANKS, sm3)).toEqual({ ok: true, value: [{ bank: 'sm3_256', indices: [] }] });
  });
  it('is digested in order', () => {
    const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    expect(toHex(pcrDigestOf(crypto, 'sha256', [a, b]))).toBe(
      toHex(crypto.hash('sha256', hex('01'.repeat(32) + '02'.repeat(32)))),
    );
  });
});

describe('templates (EK Credential Profile, TCG Provisioning Guidance)', () => {
  const policyA = '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa';
  it.each([
    ['EK L-1', EK_RSA_2048, `0001000b000300b20020${policyA}0006008000430010080000000000 0100${'00'.repeat(256)}`],
    [
      'EK H-3',
      EK_ECC_P384,
      `0023000c000300f20030b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12
       0006010000430010000400100000 0000`,
    ],
    ['SRK', SRK_ECC_P256, `0023000b0003047200000006008000430010000300100020${'00'.repeat(32)}0020${'00'.repeat(32)}`],
    ['AK ECC, with noDA', AK_ECC_P256, '0023000b00050472000000100018000b0003001000000000'],
    ['AK RSA, with noDA', AK_RSA_2048, '0001000b00050472000000100014000b0800000000000000'],
    [
      'health key',
      healthKeyTemplate(new Uint8Array(32).fill(7)),
      `0023000b000204320020${'07'.repeat(32)}00100019000b0003001000000000`,
    ],
  ])('%s', (_, template: PublicArea, text) => {
    expect(toHex(template.bytes)).toBe(toHex(hex(text)));
    expect(decode(TPMT_PUBLIC, template.bytes)).toEqual({ ok: true, value: template.value });
  });
});

describe('attributes', () => {
  it('name each bit and refuse reserved ones', () => {
    expect(expectOk(decode(TPMA_OBJECT, hex('00050072')))).toEqual(
      TPMA_OBJECT.of('fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'userWithAuth', 'restricted', 'sign'),
    );
    expect(decode(TPMA_OBJECT, hex('80000002')).ok).toBe(false);
    expect(decode(TPMA_NV, hex('62072001'))).toMatchObject({
      value: { authRead: true, ownerRead: true, readStClear: false },
    });
    expect(toHex(encode(TPMA_NV, TPMA_NV.of('readStClear')))).toBe('80000000');
  });
});

describe('public areas and Names', () => {
  const rsa = { ...EK_RSA_2048.value, unique: { is: 'rsa', value: new Uint8Array(256).fill(0xf1) } } as const;

  it('a Name is made over the bytes that arrived', () => {
    const tpm2b = encode(TPM2B_PUBLIC, SRK_ECC_P256);
    const received = expectOk(decode(TPM2B_PUBLIC, tpm2b));
    expect(toHex(nameOf(crypto, received))).toBe(`000b${toHex(crypto.hash('sha256', tpm2b.subarray(2)))}`);
  });
  it('a qualified Name runs down from the hierarchy', () => {
    const name = nameOf(crypto, AK_ECC_P256);
    const parent = qualifiedNameOfPrimary(crypto, AK_ECC_P256, TPM_RH.endorsement);
    expect(toHex(parent)).toBe(`000b${toHex(crypto.hash('sha256', hex(`4000000b${toHex(name)}`)))}`);
    expect(toHex(qualifiedNameOf(crypto, AK_ECC_P256, parent))).toBe(
      `000b${toHex(crypto.hash('sha256', hex(toHex(parent) + toHex(name))))}`,
    );
  });
  it('an exponent of 0 is 65537', () => {
    expect(expectOk(publicKeyOf(crypto, publicArea(rsa)))).toMatchObject({ type: 'rsa', bits: 2048, exponent: 65537 });
  });
  it.each([
    [
      'a modulus shorter than its parameters say',
      { ...rsa, unique: { is: 'rsa', value: new Uint8Array(255).fill(0xf1) } },
    ],
    ['a template without a key', EK_RSA_2048.value],
    ['a point off its curve', SRK_ECC_P256.value],
    [
      'a sealed object',
      {
        ...rsa,
        type: 'keyedhash',
        parameters: { is: 'keyedhash', value: { scheme: { scheme: 'null' } } },
        unique: { is: 'keyedhash', value: new Uint8Array(32) },
      },
    ],
  ] as const)('%s gives no public key', (_, area) => {
    expect(publicKeyOf(crypto, publicArea(area))).toMatchObject({ ok: false, fault: { code: 'invalid-key' } });
  });
  it('pads coordinates that came short', async () => {
    let key = (await crypto.generateKey({ type: 'ec', curve: 'P-256' })).publicKey;
    while (key.type !== 'ec' || key.x[0] !== 0)
      key = (await crypto.generateKey({ type: 'ec', curve: 'P-256' })).publicKey;
    const point = { x: key.x.subarray(1), y: key.y };
    const area = publicArea({ ...SRK_ECC_P256.value, unique: { is: 'ecc', value: point } });
    expect(expectOk(publicKeyOf(crypto, area)).spki).toEqual(key.spki);
  });
  it('reads symmetric and XOR definitions', () => {
    for (const text of ['0010', '000600800043', '000a000b'])
      expect(toHex(encode(TPMT_SYM_DEF, expectOk(decode(TPMT_SYM_DEF, hex(text)))))).toBe(text);
  });
});

describe('verifySignature', () => {
  const data = new Uint8Array(100).fill(3);
  it('accepts the key’s own scheme and nothing else', async () => {
    const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
    const raw = await key.sign('ecdsa-sha256', data);
    const signature = expectOk(
      decode(TPMT_SIGNATURE, hex(`0018000b0020${toHex(raw.subarray(0, 32))}0020${toHex(raw.subarray(32))}`)),
    );
    const scheme = { scheme: 'ecdsa', hashAlg: 'sha256' } as const;
    expect(verifySignature(crypto, key.publicKey, scheme, data, signature)).toBe(true);
    expect(verifySignature(crypto, key.publicKey, { ...scheme, hashAlg: 'sha384' }, data, signature)).toBe(false);
    expect(verifySignature(crypto, key.publicKey, { ...scheme, scheme: 'rsassa' }, data, signature)).toBe(false);
    expect(verifySignature(crypto, key.publicKey, scheme, data.subarray(1), signature)).toBe(false);
    const zero = { ...signature, signatureR: new Uint8Array(32), signatureS: new Uint8Array(32) };
    expect(verifySignature(crypto, key.publicKey, scheme, data, zero as typeof signature)).toBe(false);
    const wide = { ...signature, signatureR: new Uint8Array(40).fill(1) };
    expect(verifySignature(crypto, key.publicKey, scheme, data, wide as typeof signature)).toBe(false);
  });
  it('accepts numbers without their leading zeros', async () => {
    const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
    let raw = await key.sign('ecdsa-sha256', data);
    while (raw[0] !== 0) raw = await key.sign('ecdsa-sha256', data);
    const signature = {
      sigAlg: 'ecdsa',
      hash: 'sha256',
      signatureR: raw.subarray(1, 32),
      signatureS: raw.subarray(32),
    } as const;
    expect(verifySignature(crypto, key.publicKey, { scheme: 'ecdsa', hashAlg: 'sha256' }, data, signature)).toBe(true);
  });
  it.each(['rsassa', 'rsapss'] as const)('checks %s', async (scheme) => {
    const key = await crypto.generateKey({ type: 'rsa', bits: 2048 });
    const sig = await key.sign(`${scheme}-sha256`, data);
    const signature = { sigAlg: scheme, hash: 'sha256', sig } as const;
    const own = { scheme, hashAlg: 'sha256' } as const;
    expect(verifySignature(crypto, key.publicKey, own, data, signature)).toBe(true);
    const other = scheme === 'rsassa' ? 'rsapss' : 'rsassa';
    expect(verifySignature(crypto, key.publicKey, own, data, { ...signature, sigAlg: other })).toBe(false);
    expect(
      verifySignature(crypto, key.publicKey, { ...own, scheme: other }, data, { ...signature, sigAlg: other }),
    ).toBe(false);
  });
});
