import { utf8 } from '@sekimori/bytes';
import { der } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  basicConstraints,
  type Certificate,
  checkEndorsementCertificate,
  issueEndorsementCertificate,
  keyUsage,
  parseCertificate,
  TrustStore,
  writePem,
} from '../src/index.ts';
import { counted } from './support/crypto.ts';
import { day, flawedModulus, type Made, make, signingKey } from './support/keys.ts';

const at = day('2027-01-01');
const pem = (...certificates: readonly Certificate[]) =>
  certificates.map(({ der: bytes }) => writePem('CERTIFICATE', bytes)).join('\n');
let root: Made;
let middle: Made;
let leaf: Certificate;
beforeAll(async () => {
  root = await make({ name: 'Some ECC Root CA 9' });
  middle = await make({ name: 'Some TPM 2.0 ECC CA 900', issuer: root });
  leaf = await issueEndorsementCertificate(nodeCrypto, {
    notBefore: day('2026-01-01'),
    notAfter: day('2030-01-01'),
    publicKey: (await signingKey()).publicKey,
    tpm: { manufacturer: '49465800', model: 'SLB9672', version: 'id:0F10' },
    issuer: middle,
  });
});
const filled = (...files: readonly (readonly [string | Uint8Array, Parameters<TrustStore['add']>[1]])[]) => {
  const store = new TrustStore(nodeCrypto);
  const findings = files.map(([file, source]) => store.add(file, source).map(({ code }) => code));
  return { store, findings: findings.flat() };
};
const from = { provenance: 'here' };

describe('what is put into a trust store', () => {
  it('tells roots from intermediates, in PEM with text around and in DER', () => {
    const bundle = `# roots and others\n\n${pem(root.certificate)}## the next one\r\n${pem(middle.certificate)}\nend`;
    for (const file of [bundle, utf8(bundle)]) {
      const { store } = filled([file, from]);
      expect(store.entries.map(({ kind }) => kind)).toEqual(['root', 'intermediate']);
      expect(store.roots.map(({ der: bytes }) => bytes)).toEqual([root.certificate.der]);
      expect(store.issuersOf(leaf).map(({ der: bytes }) => bytes)).toEqual([middle.certificate.der]);
      expect(store.issuersOf(middle.certificate)).toEqual([]); // roots are not looked up: all are tried
    }
    const { store } = filled([root.certificate.der, from], [middle.certificate.der, from]);
    expect(store.entries.map(({ kind }) => kind)).toEqual(['root', 'intermediate']);
  });

  it('a root that the caller names need not be self-signed, and a self-signed one need not be a root', () => {
    const { store } = filled([middle.certificate.der, { ...from, kind: 'root' }]);
    expect(store.roots).toHaveLength(1);
    expect(store.issuersOf(leaf)).toEqual([]);
    expect(filled([root.certificate.der, { ...from, kind: 'intermediate' }]).store.roots).toEqual([]);
  });

  it('merges what comes twice: provenance, manufacturers, and the kind of a root', () => {
    const { store } = filled(
      [pem(middle.certificate, middle.certificate), { provenance: 'a', vendor: 'ours', manufacturers: ['49465800'] }],
      [middle.certificate.der, { provenance: 'b', kind: 'root', vendor: 'ours', manufacturers: ['53544d20'] }],
      [middle.certificate.der, { provenance: 'b', vendor: 'ours' }],
    );
    expect(store.entries).toMatchObject([
      { kind: 'root', vendor: 'ours', provenance: ['a', 'b'], manufacturers: ['49465800', '53544d20'] },
    ]);
    expect(store.find(middle.certificate.fingerprint(nodeCrypto))).toBe(store.entries[0]);
    expect([store.size, store.roots.length, store.issuersOf(leaf).length]).toEqual([1, 1, 0]);
  });

  it('finds the vendor from the subject, or from what the caller calls it', async () => {
    const vendorOf = (certificate: Certificate, vendor?: string) => {
      const { store } = filled([certificate.der, { ...from, ...(vendor !== undefined && { vendor }) }]);
      const [entry] = store.entries;
      return [entry?.vendor, ...(entry?.manufacturers ?? [])];
    };
    const { certificate } = await make({ name: 'some root' });
    for (const name of ['Infineon', 'IFX', 'ifx', '49465800'])
      expect(vendorOf(certificate, name)).toEqual(['Infineon', '49465800']);
    for (const name of ['STMicro', 'STM', 'stmicroelectronics'])
      expect(vendorOf(certificate, name)).toEqual(['STMicroelectronics', '53544d20']);
    expect(vendorOf(certificate, 'Intel')).toEqual(['Intel', '494e5443']);
    expect(vendorOf(certificate, 'somebody')).toEqual(['somebody']);
    expect(vendorOf(certificate)).toEqual([undefined]);
    const pluton = (await make({ name: 'Microsoft Pluton Root CA 2021' })).certificate;
    expect(vendorOf(pluton)).toEqual(['Microsoft', '4d534654', '414d4400']);
    expect(vendorOf(pluton, 'MSFT')).toEqual(['Microsoft', '4d534654', '414d4400']);
    expect(vendorOf((await make({ name: 'GlobalSign Trusted Platform Module Root CA' })).certificate)).toEqual([
      'STMicroelectronics',
      '53544d20',
    ]);
    // what the caller says is right
    expect(vendorOf(pluton, 'Intel')).toEqual(['Intel', '494e5443']);
  });
});

describe('findings of a trust store', () => {
  it('trust-malformed: each broken block with its place, and the others are taken', () => {
    const good = pem(root.certificate);
    const broken = [
      writePem('PRIVATE KEY', Uint8Array.of(1)),
      writePem('CERTIFICATE', Uint8Array.of(0x30, 0)),
      good.replace('M', '*'),
      good.replace('-----END CERTIFICATE-----\n', ''),
      '-----END CERTIFICATE-----\n',
      good.replace('BEGIN CERTIFICATE', 'BEGIN X509 CRL'),
    ];
    for (const text of broken) {
      const store = new TrustStore(nodeCrypto);
      const findings = store.add(`${good}${text}${pem(middle.certificate)}`, { provenance: 'a bundle' });
      const place = { code: 'trust-malformed', severity: 'skipped', index: 2, provenance: 'a bundle' };
      expect(findings.filter(({ severity }) => severity === 'skipped')).toMatchObject([place]);
      expect(store.size).toBe(2);
      expect(store.findings).toEqual(findings);
    }
  });

  it('trust-malformed: a file that is neither', () => {
    for (const file of [
      '',
      'no PEM',
      Uint8Array.of(0x30, 0x82, 1),
      root.certificate.der.subarray(1),
      'x'.repeat(4 * 1024 * 1024 + 1),
    ])
      expect(filled([file, from]).findings).toEqual(['trust-malformed']);
  });

  it('trust-not-ca: a leaf, a CA that may not sign certificates', async () => {
    const made = [[], [basicConstraints(true), keyUsage('cRLSign')]].map((extensions) => make({ extensions }));
    const files = [leaf, ...(await Promise.all(made)).map(({ certificate }) => certificate)];
    const { store, findings } = filled([pem(...files), { ...from, kind: 'root' }]);
    expect([findings, store.size]).toEqual([['trust-not-ca', 'trust-not-ca', 'trust-not-ca'], 0]);
  });

  it('trust-key: an unknown kind, too large, of the flawed generator, a signature algorithm that is not ours', async () => {
    const key = await signingKey();
    const spki = der.sequence(der.sequence(der.oid('1.3.101.112')), der.bitString(new Uint8Array(32)));
    const unknown = await make({ key: { ...key, publicKey: { ...key.publicKey, spki } }, signedBy: key });
    const modulus = Uint8Array.from({ length: 520 }, (_, i) => (i % 255) | 1);
    const publicKey = expectOk(nodeCrypto.publicKey({ type: 'rsa', modulus, exponent: 65537 }));
    const large = await make({ key: { ...key, publicKey }, signedBy: key });
    const flawed = expectOk(nodeCrypto.publicKey({ type: 'rsa', modulus: flawedModulus(), exponent: 65537 }));
    const roca = await make({ key: { ...key, publicKey: flawed }, signedBy: key });
    const bytes = Uint8Array.from((await make({})).certificate.der);
    const [oid, other] = [der.oid('1.2.840.10045.4.3.2'), der.oid('1.2.840.10045.4.3.9')];
    for (let i = 0; i < bytes.length; i++) if (oid.every((byte, j) => bytes[i + j] === byte)) bytes.set(other, i);
    const files = [unknown.certificate, large.certificate, roca.certificate, expectOk(parseCertificate(bytes))];
    const { store, findings } = filled([pem(...files), from]);
    expect([findings, store.size]).toEqual([['trust-key', 'trust-key', 'trust-key', 'trust-key'], 0]);
  });

  it('trust-expired, where a time is given; it stays', () => {
    const late = { ...from, vendor: 'IFX', at: day('2031-01-01') };
    const { store, findings } = filled([root.certificate.der, late]);
    expect([findings, store.size]).toEqual([['trust-expired'], 1]);
    expect(filled([root.certificate.der, { ...late, at }]).findings).toEqual([]);
    expect(filled([root.certificate.der, { ...late, at: new Date(Number.NaN) }]).findings).toEqual(['trust-expired']);
  });

  it('trust-self-signature: its own name and not its own key; taken as an intermediate', async () => {
    const renewed = await make({ name: 'Some ECC Root CA 9', issuer: root });
    const { store, findings } = filled([renewed.certificate.der, { ...from, vendor: 'IFX' }]);
    expect(findings).toEqual(['trust-self-signature']);
    expect(store.entries).toMatchObject([{ kind: 'intermediate' }]);
  });

  it('trust-vendor: nobody knows it, or two say different things; trust-software-vendor', async () => {
    const { certificate } = await make({ name: 'some root' });
    expect(filled([certificate.der, from]).findings).toEqual(['trust-vendor']);
    const detailOf = (source: object) =>
      new TrustStore(nodeCrypto).add(certificate.der, { ...from, ...source }).map(({ detail }) => detail);
    const nobodys = "nothing tells the vendor of 'CN=some root'";
    expect(detailOf({})).toEqual([`${nobodys}, and it vouches for no TPM until 'manufacturers' is given`]);
    expect(detailOf({ kind: 'intermediate' })).toEqual([nobodys]);
    expect(detailOf({ manufacturers: ['49465800'] })).toEqual([nobodys]);
    const twice = filled([certificate.der, { ...from, vendor: 'IFX' }], [certificate.der, { ...from, vendor: 'STM' }]);
    expect(twice.findings).toEqual(['trust-vendor']);
    expect(filled([certificate.der, { ...from, vendor: 'IBM' }]).findings).toEqual(['trust-software-vendor']);
    const named = { ...from, vendor: 'x', manufacturers: ['00001014'] };
    expect(filled([certificate.der, named]).findings).toEqual(['trust-software-vendor']);
  });

  it('trust-full: 4096 certificates', () => {
    const store = new TrustStore(nodeCrypto);
    // the serial number of our certificates is random: counting in it makes others, whose signatures nobody asks for
    const bytes = Uint8Array.from(middle.certificate.der);
    const serial = bytes.findIndex((byte, i) => byte === 2 && bytes[i + 1] === 16) + 4;
    const codes = new Set<string>();
    for (let i = 0; i < 4098; i++) {
      bytes[serial] = i >> 8;
      bytes[serial + 1] = i & 0xff;
      for (const { code } of store.add(bytes, { ...from, vendor: 'IFX' })) codes.add(code);
    }
    expect([store.size, [...codes]]).toEqual([4096, ['trust-full']]);
  });
});

describe('checking with a trust store', () => {
  const check = (store: TrustStore, ...vendors: string[]) =>
    checkEndorsementCertificate(nodeCrypto, leaf, { ...store.trust(...vendors), intermediates: [], at });
  const both = () => pem(root.certificate, middle.certificate);

  it('finds the path through its intermediates, to a root that vouches for the maker', () => {
    const { store } = filled([both(), { ...from, vendor: 'IFX' }]);
    expect(expectOk(check(store)).path.chain.map(({ subject }) => subject.text)).toHaveLength(3);
    expect(check(store, 'Infineon').ok).toBe(true);
    expect(check(store, 'Infineon', 'Intel').ok).toBe(true);
    expect(check(store, 'Intel')).toMatchObject({ fault: { code: 'ek-certificate-untrusted' } });
  });

  it('an empty store trusts nothing, and a root of nobody vouches for nobody', () => {
    expect(check(new TrustStore(nodeCrypto))).toMatchObject({ fault: { code: 'ek-certificate-untrusted' } });
    const other = { fault: { code: 'ek-certificate-manufacturer' } };
    expect(check(filled([both(), from]).store)).toMatchObject(other);
    expect(check(filled([both(), { ...from, vendor: 'STM' }]).store)).toMatchObject(other);
    expect(check(filled([both(), { ...from, manufacturers: ['49465800'] }]).store).ok).toBe(true);
    expect(filled([both(), from]).store.manufacturersOf(leaf)).toEqual([]);
  });

  it('an intermediate alone is no trust', () => {
    const { store } = filled([middle.certificate.der, { ...from, vendor: 'IFX' }]);
    expect(check(store)).toMatchObject({ fault: { code: 'ek-certificate-untrusted' } });
  });

  it('costs two signatures with 500 other authorities in it', async () => {
    const others = await Promise.all(Array.from({ length: 500 }, (_, n) => make({ name: `other ${n}`, issuer: root })));
    const { store } = filled(
      [pem(...others.map(({ certificate }) => certificate)), { ...from, vendor: 'IFX' }],
      [both(), { ...from, vendor: 'IFX' }],
    );
    const { crypto, verified } = counted();
    expect(checkEndorsementCertificate(crypto, leaf, { ...store.trust(), intermediates: [], at }).ok).toBe(true);
    expect(verified()).toBe(2);
  });
});
