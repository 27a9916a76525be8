import { readFileSync } from 'node:fs';
import { concat } from '@sekimori/bytes';
import { der, type SigningKey } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  basicConstraints,
  type Certificate,
  certificatesFromPem,
  checkEndorsementCertificate,
  type EndorsementOptions,
  extendedKeyUsage,
  isRocaWeak,
  keyUsage,
  PURPOSE,
  parseCertificate,
  TCG_ATTRIBUTE,
} from '../src/index.ts';
import { attribute, IDENTITY, sanOf } from './support/endorsement.ts';
import { day, type Made, make, signingKey } from './support/keys.ts';

const vector = (name: string) => readFileSync(new URL(`vectors/swtpm/${name}`, import.meta.url));
const swtpmEk = expectOk(parseCertificate(vector('ek-rsa2048.crt')));
const [swtpmIssuer] = expectOk(certificatesFromPem(vector('ek-issuer.pem').toString())) as [Certificate];
const [swtpmRoot] = expectOk(certificatesFromPem(vector('ek-root.pem').toString())) as [Certificate];

const san = sanOf(der.sequence(...IDENTITY.map((part) => der.set(part))));
const GOOD = [
  basicConstraints(false),
  extendedKeyUsage(false, PURPOSE.tcgEndorsementKey),
  keyUsage('keyAgreement'),
  san,
] as const;
const [CONSTRAINTS, USAGE, KEY_USAGE] = GOOD;

let root: Made;
let rsa: SigningKey;
beforeAll(async () => {
  root = await make({ name: 'TPM vendor root' });
  rsa = await signingKey({ type: 'rsa', bits: 2048 });
});

const check = (certificate: Certificate, more: Partial<EndorsementOptions> = {}) =>
  checkEndorsementCertificate(nodeCrypto, certificate, {
    intermediates: [],
    roots: [root.certificate],
    at: day('2027-01-01'),
    ...more,
  });
const ek = async (extensions: readonly Uint8Array[] = GOOD, more: Parameters<typeof make>[0] = {}) =>
  (await make({ name: 'ek', issuer: root, extensions, ...more })).certificate;
const codeOf = (outcome: ReturnType<typeof check>) => (outcome.ok ? 'ok' : outcome.fault.code);

describe('an EK certificate', () => {
  it('of a real swtpm is accepted with its root, and tells key and TPM', () => {
    const checked = expectOk(check(swtpmEk, { intermediates: [swtpmIssuer], roots: [swtpmRoot] }));
    expect(checked.tpm).toEqual({ manufacturer: '00001014', model: 'swtpm', version: 'id:20191023' });
    expect(checked.publicKey).toMatchObject({ type: 'rsa', bits: 2048 });
    expect(checked.findings).toMatchObject([
      { severity: 'warns', code: 'revocation-unknown', certificate: 0 },
      { severity: 'warns', code: 'revocation-unknown', certificate: 1 },
      { severity: 'warns', code: 'ek-certificate-software-tpm', certificate: 0 },
    ]);
    expect(checked.path.root).toBe(swtpmRoot);
    expect(codeOf(check(swtpmEk, { intermediates: [swtpmIssuer] }))).toBe('ek-certificate-untrusted');
  });
  it('names its TPM in one multi-valued RDN in any order just as well', async () => {
    const [manufacturer, model, version] = IDENTITY;
    const multi = sanOf(der.sequence(der.set(model!, version!, manufacturer!)));
    const checked = expectOk(check(await ek([CONSTRAINTS, USAGE, KEY_USAGE, multi])));
    expect(checked.tpm).toEqual({ manufacturer: '53544d20', model: 'ST33', version: 'id:00010102' });
  });
  it('that has expired is accepted with a finding', async () => {
    const checked = expectOk(check(await ek(GOOD, { to: day('2026-06-01') })));
    expect(checked.findings).toMatchObject([
      { code: 'chain-expired', severity: 'warns' },
      { code: 'revocation-unknown' },
    ]);
  });
  it('ek-certificate-untrusted: not yet valid; the cause says so', async () => {
    expect(check(await ek(GOOD, { from: day('2028-01-01') }))).toMatchObject({
      fault: {
        code: 'ek-certificate-untrusted',
        detail: "the path to a trusted TPM vendor root does not hold: 'CN=ek' is valid from 2028-01-01T00:00:00.000Z",
        cause: { code: 'chain-not-yet-valid' },
      },
    });
  });
  it('ek-certificate-untrusted: no path at all; the detail names the issuer that is missing', async () => {
    expect(check(await ek(), { roots: [] })).toMatchObject({
      fault: {
        code: 'ek-certificate-untrusted',
        detail:
          "no path to a trusted TPM vendor root: no trusted certificate of 'CN=TPM vendor root', which issued 'CN=ek'",
        cause: { code: 'chain-untrusted' },
      },
    });
  });
  it('ek-certificate-is-ca: an issuing CA carries the same purpose', async () => {
    const ca = [basicConstraints(true), USAGE, keyUsage('keyAgreement', 'keyCertSign'), san];
    expect(codeOf(check(await ek(ca)))).toBe('ek-certificate-is-ca');
    expect(codeOf(check(await ek([USAGE, keyUsage('keyAgreement', 'keyCertSign'), san])))).toBe('ek-certificate-is-ca');
  });
  it('ek-certificate-purpose: none, or another', async () => {
    for (const purpose of [PURPOSE.tcgAttestationKey, PURPOSE.any])
      expect(codeOf(check(await ek([CONSTRAINTS, KEY_USAGE, san, extendedKeyUsage(true, purpose)])))).toBe(
        'ek-certificate-purpose',
      );
    expect(codeOf(check(await ek([CONSTRAINTS, KEY_USAGE, san])))).toBe('ek-certificate-purpose');
  });
  it('ek-certificate-key-usage: none, a signing key, the usage of the other key type', async () => {
    const usages = [[], [keyUsage('digitalSignature')], [keyUsage('keyEncipherment')]];
    for (const usage of usages)
      expect(codeOf(check(await ek([CONSTRAINTS, USAGE, san, ...usage])))).toBe('ek-certificate-key-usage');
    expect(codeOf(check(await ek(GOOD, { key: rsa })))).toBe('ek-certificate-key-usage');
    expect(codeOf(check(await ek([CONSTRAINTS, USAGE, san, keyUsage('keyEncipherment')], { key: rsa })))).toBe('ok');
  });
  it('ek-certificate-names: none, one part missing or twice, a manufacturer that is no id', async () => {
    const [manufacturer, model, version] = IDENTITY;
    const named = attribute(TCG_ATTRIBUTE.tpmManufacturer, 'STM');
    for (const parts of [[], [manufacturer, model], [manufacturer, model, version, model], [named, model, version]]) {
      const name = der.sequence(...parts.map((part) => der.set(part!)));
      expect(codeOf(check(await ek([CONSTRAINTS, USAGE, KEY_USAGE, sanOf(name)])))).toBe('ek-certificate-names');
    }
    expect(codeOf(check(await ek([CONSTRAINTS, USAGE, KEY_USAGE])))).toBe('ek-certificate-names');
  });
  it('ek-certificate-manufacturer: a root that does not vouch for this maker', async () => {
    const certificate = await ek();
    const only = (...ids: string[]) => ({ manufacturersOf: () => ids });
    expect(codeOf(check(certificate, only('49465800')))).toBe('ek-certificate-manufacturer');
    expect(codeOf(check(certificate, only()))).toBe('ek-certificate-manufacturer');
    expect(codeOf(check(certificate, only('49465800', '53544d20')))).toBe('ok');
  });
  it('ek-certificate-weak-key: an RSA key of the flawed generator', async () => {
    const imported = expectOk(nodeCrypto.publicKey({ type: 'rsa', modulus: rocaModulus(), exponent: 65537 }));
    const extensions = [CONSTRAINTS, USAGE, san, keyUsage('keyEncipherment')];
    const certificate = await ek(extensions, { key: { ...rsa, publicKey: imported } });
    expect(codeOf(check(certificate))).toBe('ek-certificate-weak-key');
  });
  it('ek-certificate-key: a key of no known kind', async () => {
    const spki = der.sequence(der.sequence(der.oid('1.3.101.112')), der.bitString(new Uint8Array(32)));
    const certificate = await ek(GOOD, { key: { ...rsa, publicKey: { ...rsa.publicKey, spki } } });
    expect(codeOf(check(certificate))).toBe('ek-certificate-key');
  });
});

describe('the ROCA fingerprint', () => {
  it('finds the structure of the flawed generator and not in other keys', () => {
    expect(isRocaWeak(rocaModulus())).toBe(true);
    expect(isRocaWeak(concat(Uint8Array.of(0), rocaModulus()))).toBe(true);
    expect(rsa.publicKey.type === 'rsa' && isRocaWeak(rsa.publicKey.modulus)).toBe(false);
  });
});

/** The product of two numbers k*M + (65537^a mod M): what the fingerprint sees does not ask that they be prime. */
function rocaModulus(): Uint8Array {
  const small = Array.from({ length: 701 }, (_, n) => n).filter(
    (n) => n > 1 && Array.from({ length: n - 2 }, (_, i) => i + 2).every((d) => n % d !== 0),
  );
  const m = small.slice(0, 126).reduce((product, prime) => product * BigInt(prime), 1n);
  const power = (exponent: number) =>
    Array.from({ length: exponent }).reduce<bigint>((value) => (value * 65537n) % m, 1n);
  const [p, q] = [987654321n, 123456789n].map((k, i) => k * m + power(1000 + i));
  const bits = 2048 - (p! * q!).toString(2).length;
  // grow one factor by whole multiples of M until the product has 2048 bits
  const grown = (p! * q! + ((1n << BigInt(bits - 1 + (p! * q!).toString(2).length)) / q! / m) * m * q!).toString(16);
  return Uint8Array.from(grown.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}
