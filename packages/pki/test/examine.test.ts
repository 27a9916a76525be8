import { utf8 } from '@sekimori/bytes';
import { der, type SigningKey } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  basicConstraints,
  type Certificate,
  checkEndorsementCertificate,
  EXTENSION,
  type EndorsementOptions,
  examineEndorsementCertificate,
  extendedKeyUsage,
  extension,
  keyUsage,
  NO_EXPIRY,
  PURPOSE,
  parseCertificate,
  TCG_ATTRIBUTE,
} from '../src/index.ts';
import { counted } from './support/crypto.ts';
import { makeCrl } from './support/crls.ts';
import { attribute, IDENTITY, sanOf } from './support/endorsement.ts';
import { changed, day, flawedModulus, type Made, make, signingKey } from './support/keys.ts';

const at = day('2027-01-01');
const SAN = sanOf(der.sequence(...IDENTITY.map((part) => der.set(part))));
const EKU = extendedKeyUsage(false, PURPOSE.tcgEndorsementKey);
const GOOD = [basicConstraints(false), EKU, keyUsage('keyAgreement'), SAN];
const ISSUER = [basicConstraints(true), keyUsage('keyCertSign', 'cRLSign')];
let root: Made;
let middle: Made;
let rsa: SigningKey;
beforeAll(async () => {
  root = await make({ name: 'TPM vendor root', extensions: ISSUER });
  middle = await make({ name: 'TPM vendor CA', issuer: root, extensions: ISSUER });
  rsa = await signingKey({ type: 'rsa', bits: 2048 });
});

const ek = async (wanted: Parameters<typeof make>[0] = {}) =>
  (await make({ name: 'ek', issuer: middle, extensions: GOOD, ...wanted })).certificate;
const options = (more: Partial<EndorsementOptions> = {}): EndorsementOptions => ({
  intermediates: [middle.certificate],
  roots: [root.certificate],
  at,
  ...more,
});
const examine = (certificate: Certificate, more: Partial<EndorsementOptions> = {}) =>
  examineEndorsementCertificate(nodeCrypto, certificate, options(more));
const UNKNOWN = { severity: 'warns', code: 'revocation-unknown' };
/** Without what is always said where no CRLs are given. */
const said = (certificate: Certificate, more: Partial<EndorsementOptions> = {}) => {
  const { findings } = examine(certificate, more);
  return findings
    .filter(({ code }) => code !== 'revocation-unknown')
    .map(({ severity, code, certificate: index, cause }) =>
      [severity, code, index, ...(cause ? [cause.code] : [])].join(' '),
    );
};

describe('the examination of an EK certificate', () => {
  it('tells all that is wrong at once, and the check gives the first of it', async () => {
    const wrong = await ek({
      extensions: [basicConstraints(true), extendedKeyUsage(true, PURPOSE.clientAuth), keyUsage('digitalSignature')],
      to: day('2026-06-01'),
    });
    const more = { manufacturersOf: () => [] };
    expect(said(wrong, more)).toEqual([
      'refuses ek-certificate-is-ca 0',
      'refuses ek-certificate-purpose 0',
      'refuses ek-certificate-key-usage 0',
      'refuses ek-certificate-names 0',
      'warns chain-expired 0',
      'warns ek-certificate-profile 0',
    ]);
    const { path, chain, tpm, publicKey } = examine(wrong, more);
    expect([path, chain.length, tpm, publicKey?.type]).toEqual([undefined, 3, {}, 'ec']);
    expect(checkEndorsementCertificate(nodeCrypto, wrong, options(more))).toMatchObject({
      ok: false,
      fault: { code: 'ek-certificate-is-ca' },
    });
  });

  it('and of a path: each flaw with its place, and who may vouch for whom', async () => {
    const odd = await make({
      name: 'odd CA',
      issuer: root,
      from: day('2028-01-01'),
      extensions: [keyUsage('cRLSign'), extension('1.2.3.4', true, der.nothing())],
    });
    const certificate = await ek({ issuer: odd, from: day('2027-06-01') });
    const more = { intermediates: [odd.certificate], manufacturersOf: () => ['49465800'] };
    expect(said(certificate, more)).toEqual([
      'refuses ek-certificate-untrusted 0 chain-not-yet-valid',
      'refuses ek-certificate-untrusted 1 chain-not-yet-valid',
      'refuses ek-certificate-untrusted 1 chain-critical-extension',
      'refuses ek-certificate-untrusted 1 chain-not-ca',
      'refuses ek-certificate-untrusted 1 chain-key-usage',
      'refuses ek-certificate-manufacturer 0',
    ]);
    expect(checkEndorsementCertificate(nodeCrypto, certificate, options(more))).toMatchObject({
      fault: { code: 'ek-certificate-untrusted', cause: { code: 'chain-not-yet-valid' } },
    });
  });

  it('without a path says so, and what could be read', async () => {
    const { findings, chain, path, tpm } = examine(await ek(), { roots: [] });
    expect(findings).toMatchObject([
      { severity: 'refuses', code: 'ek-certificate-untrusted', certificate: 0, cause: { code: 'chain-untrusted' } },
    ]);
    expect([chain.length, path]).toEqual([1, undefined]);
    expect(tpm).toEqual({ manufacturer: '53544d20', model: 'ST33', version: 'id:00010102' });
  });

  it('tells those names of the TPM that are there', async () => {
    const [manufacturer, , version] = IDENTITY;
    const names = sanOf(der.sequence(der.set(manufacturer!), der.set(version!)));
    const certificate = await ek({ extensions: [basicConstraints(false), EKU, keyUsage('keyAgreement'), names] });
    expect(examine(certificate).tpm).toEqual({ manufacturer: '53544d20', version: 'id:00010102' });
    expect(said(certificate)).toEqual(['refuses ek-certificate-names 0']);
  });

  it('ek-certificate-profile: deviations that do no harm', async () => {
    const loose = (oid: string, value: Uint8Array) => extension(oid, false, value);
    const agreement = loose(EXTENSION.keyUsage, der.bitString(Uint8Array.of(0x08), 3));
    const details = async (extensions: readonly Uint8Array[], more = {}) =>
      examine(await ek({ extensions, ...more })).findings.flatMap(({ code, detail }) =>
        code === 'ek-certificate-profile' ? [detail] : [],
      );
    const [constraints, purpose, usage] = GOOD as [Uint8Array, Uint8Array, Uint8Array];
    expect(await details(GOOD)).toEqual([]);
    expect(await details([purpose, usage, SAN])).toEqual(['it has no basic constraints']);
    expect(await details([constraints, purpose, agreement, SAN])).toEqual(['its key usage is not critical']);
    const both = keyUsage('keyAgreement', 'digitalSignature', 'keyEncipherment');
    expect(await details([constraints, purpose, both, SAN])).toEqual([
      'its key usage has digitalSignature besides',
      'its key usage has keyEncipherment besides',
    ]);
    const text = 'its subject is empty and its alternative name not critical';
    const names = sanOf(der.sequence(...IDENTITY.map((part) => der.set(part))), false);
    expect(await details([constraints, purpose, usage, names], { subject: der.sequence() })).toEqual([text]);
    expect(await details(GOOD, { subject: der.sequence() })).toEqual([]);
    const attributes = extension(EXTENSION.subjectDirectoryAttributes, false, der.sequence(der.nothing()));
    expect(await details([...GOOD, attributes])).toEqual([
      'its tpmSpecification cannot be read',
      'its tpmSecurityAssertions cannot be read',
    ]);
  });

  it('ek-certificate-unknown-vendor and ek-certificate-software-tpm', async () => {
    const [, model, version] = IDENTITY;
    const of = (id: string) => {
      const names = [attribute(TCG_ATTRIBUTE.tpmManufacturer, id), model!, version!].map((part) => der.set(part));
      return ek({ extensions: [...GOOD.slice(0, 3), sanOf(der.sequence(...names))] });
    };
    expect(said(await of('id:0BADCAFE'))).toEqual(['warns ek-certificate-unknown-vendor 0']);
    expect(said(await of('id:4D534654'))).toEqual(['warns ek-certificate-software-tpm 0']);
    expect(said(await of('id:494E5443'))).toEqual([]);
  });

  it('ek-certificate-weak-key: also the key of an issuer, with its place', async () => {
    const { crypto } = counted();
    const modulus = flawedModulus();
    const weak = crypto.publicKey({ type: 'rsa', modulus, exponent: 65537 });
    const publicKey = weak.ok ? weak.value : rsa.publicKey;
    const issuer = await make({ name: 'weak CA', issuer: root, key: { ...rsa, publicKey } });
    const certificate = await ek({ issuer, signedBy: rsa });
    // its signature cannot be made here: this provider takes it for good
    const lenient = { ...crypto, verify: () => true };
    const { findings } = examineEndorsementCertificate(
      lenient,
      certificate,
      options({ intermediates: [issuer.certificate] }),
    );
    expect(findings.filter(({ severity }) => severity === 'refuses')).toMatchObject([
      { code: 'ek-certificate-weak-key', certificate: 1 },
    ]);
  });
});

describe('revocation of EK certificates', () => {
  const crlOf = (signer: Made, ...revoked: readonly Certificate[]) =>
    makeCrl({
      issuer: signer.certificate.subject.der,
      key: signer.key,
      entries: revoked.map(({ serial }) => ({ serial })),
    });

  it('without CRLs warns of every certificate below the root', async () => {
    const certificate = await ek();
    expect(examine(certificate).findings).toMatchObject([
      { ...UNKNOWN, certificate: 0 },
      { ...UNKNOWN, certificate: 1 },
    ]);
    expect(checkEndorsementCertificate(nodeCrypto, certificate, options()).ok).toBe(true);
  });

  it('with CRLs that clear it says nothing', async () => {
    const revocation = { crls: [await crlOf(root), await crlOf(middle)], missing: 'refuse', stale: 'refuse' } as const;
    expect(examine(await ek(), { revocation }).findings).toEqual([]);
  });

  it('certificate-revoked refuses, and so does what the caller does not want to be missing', async () => {
    const certificate = await ek();
    const crls = [await crlOf(root), await crlOf(middle, certificate)];
    expect(checkEndorsementCertificate(nodeCrypto, certificate, options({ revocation: { crls } }))).toMatchObject({
      fault: { code: 'certificate-revoked' },
    });
    const issuerRevoked = [await crlOf(root, middle.certificate), await crlOf(middle)];
    expect(said(certificate, { revocation: { crls: issuerRevoked } })).toEqual(['refuses certificate-revoked 1']);
    const strict = options({ revocation: { crls: [], missing: 'refuse' } });
    expect(checkEndorsementCertificate(nodeCrypto, certificate, strict)).toMatchObject({
      fault: { code: 'revocation-unknown' },
    });
    const stale = { crls: [await crlOf(root), await crlOf(middle)], stale: 'refuse' } as const;
    const later = options({ revocation: stale, at: day('2029-01-01') });
    expect(checkEndorsementCertificate(nodeCrypto, certificate, later)).toMatchObject({
      fault: { code: 'revocation-stale' },
    });
  });

  it('is told of a path that is refused for something else too', async () => {
    const certificate = await ek({ from: day('2028-01-01') });
    const crls = [await crlOf(root), await crlOf(middle, certificate)];
    expect(said(certificate, { revocation: { crls } })).toEqual([
      'refuses ek-certificate-untrusted 0 chain-not-yet-valid',
      'refuses certificate-revoked 0',
    ]);
  });
});

describe('what vendors write, accepted', () => {
  const held = (certificate: Certificate, more: Partial<EndorsementOptions> = {}) => {
    const checked = checkEndorsementCertificate(nodeCrypto, certificate, options(more));
    return checked.ok ? checked.value.tpm.model : checked.fault.code;
  };
  it('an empty subject with a critical alternative name', async () => {
    expect(held(await ek({ subject: der.sequence() }))).toBe('ST33');
  });

  it('an explicit cA FALSE and an explicit critical FALSE (Intel ODCA)', async () => {
    const explicit = extension(EXTENSION.basicConstraints, true, der.sequence(der.boolean(false)));
    const specification = der.sequence(
      der.oid(TCG_ATTRIBUTE.tpmSpecification),
      der.set(der.sequence(der.utf8String('2.0'), der.integer(0), der.integer(138))),
    );
    const attributes = der.sequence(
      der.oid(EXTENSION.subjectDirectoryAttributes),
      der.boolean(false),
      der.octetString(der.sequence(specification)),
    );
    const certificate = await ek({ extensions: [explicit, ...GOOD.slice(1), attributes] });
    expect(held(certificate)).toBe('ST33');
    expect(examine(certificate).specification).toEqual({ family: '2.0', level: 0, revision: 138 });
  });

  it('an issuer of one multi-valued RDN in another order and with other strings (Nuvoton)', async () => {
    const parts = (utf: boolean) =>
      (
        [
          ['2.5.4.6', 'TW'],
          ['2.5.4.10', 'Nuvoton Technology Corporation'],
          ['2.5.4.3', 'Nuvoton TPM Root CA 9999'],
        ] as const
      ).map(([oid, text]) => der.sequence(der.oid(oid), der.element(utf ? 0x0c : 0x13, utf8(text))));
    const subject = der.sequence(der.set(...parts(true)));
    const nuvoton = await make({ subject, issuerName: subject, extensions: ISSUER });
    const issuerName = der.sequence(der.set(...parts(false).toReversed()));
    const certificate = await ek({ issuer: nuvoton, issuerName });
    expect(held(certificate, { intermediates: [], roots: [nuvoton.certificate] })).toBe('ST33');
  });

  it('a serial number padded with zero bytes (STMicroelectronics)', async () => {
    const serial = der.element(der.TAG.integer, Uint8Array.of(0, 0, 0, 0x12, 0x34));
    const padded = await changed(await ek(), middle.key, ([version, , ...rest]) => [version!, serial, ...rest]);
    expect(padded.serial).toBe('1234');
    expect(held(padded)).toBe('ST33');
    const crl = await makeCrl({
      issuer: middle.certificate.subject.der,
      key: middle.key,
      entries: [{ serial: '1234' }],
    });
    expect(held(padded, { revocation: { crls: [crl] } })).toBe('certificate-revoked');
  });

  it('an RSA key marked as for OAEP alone (Infineon)', async () => {
    const spki = der.readDer(rsa.publicKey.spki);
    const parts = spki.ok ? der.children(spki.value) : spki;
    const bits = parts.ok ? parts.value[1]!.bytes : new Uint8Array(0);
    const marked = der.sequence(der.sequence(der.oid('1.2.840.113549.1.1.7'), der.nothing()), bits);
    const certificate = await ek({
      key: { ...rsa, publicKey: { ...rsa.publicKey, spki: marked } },
      extensions: [basicConstraints(false), EKU, keyUsage('keyEncipherment'), SAN],
    });
    expect(certificate.spki).toEqual(marked);
    expect(held(certificate)).toBe('ST33');
  });

  it('no end: 9999-12-31', async () => {
    const forEver = await make({ name: 'for ever', extensions: ISSUER, to: NO_EXPIRY });
    const certificate = await ek({ issuer: forEver, to: NO_EXPIRY });
    expect(examine(certificate, { roots: [forEver.certificate], at: day('2090-01-01') }).findings).toMatchObject([
      UNKNOWN,
    ]);
  });

  it('names of the TPM as PrintableString', async () => {
    const names = [TCG_ATTRIBUTE.tpmManufacturer, TCG_ATTRIBUTE.tpmModel, TCG_ATTRIBUTE.tpmVersion].map((oid, i) =>
      der.set(der.sequence(der.oid(oid), der.element(0x13, utf8(['id:53544D20', 'ST33', 'id:1'][i] as string)))),
    );
    expect(held(await ek({ extensions: [...GOOD.slice(0, 3), sanOf(der.sequence(...names))] }))).toBe('ST33');
  });

  it('P-384 throughout', async () => {
    const p384 = () => signingKey({ type: 'ec', curve: 'P-384' });
    const top = await make({ name: 'OnDie CA RootCA', key: await p384(), extensions: ISSUER });
    const certificate = await ek({ issuer: top, key: await p384() });
    expect(certificate.signatureAlgorithm.name).toBe('ecdsa-sha384');
    expect(held(certificate, { roots: [top.certificate] })).toBe('ST33');
  });
});

describe('tpmSpecification and tpmSecurityAssertions', () => {
  const withAttributes = (...attributes: readonly (readonly [string, Uint8Array])[]) =>
    ek({
      extensions: [
        ...GOOD,
        extension(
          EXTENSION.subjectDirectoryAttributes,
          false,
          der.sequence(...attributes.map(([oid, value]) => der.sequence(der.oid(oid), der.set(value)))),
        ),
      ],
    });
  const specification = der.sequence(der.utf8String('2.0'), der.integer(0), der.integer(159));
  const enumerated = (tag: number, value: number) => der.element(tag, Uint8Array.of(value));
  const assertions = der.sequence(
    der.integer(0),
    der.boolean(true),
    enumerated(0x80, 1),
    enumerated(0x81, 0),
    enumerated(0x82, 2),
    der.tagged(3, der.sequence()),
    der.tagged(4, der.element(der.TAG.ia5String, utf8('140-2')), enumerated(0x0a, 2), der.boolean(true)),
    enumerated(0x85, 0xff),
    der.element(der.TAG.ia5String, utf8('http://iso.example')),
  );

  it('are read with explicit tags, too', async () => {
    const explicit = der.sequence(
      der.tagged(0, enumerated(0x0a, 0)),
      der.tagged(1, enumerated(0x0a, 1)),
      der.tagged(2, enumerated(0x0a, 2)),
      der.tagged(4, der.sequence(der.element(der.TAG.ia5String, utf8('140-3')), enumerated(0x0a, 1))),
      der.tagged(5, der.boolean(true)),
    );
    const read = examine(await withAttributes([TCG_ATTRIBUTE.tpmSecurityAssertions, explicit]));
    expect(read.securityAssertions).toEqual({
      fieldUpgradable: false,
      ekGenerationType: 'internal',
      ekGenerationLocation: 'platformManufacturer',
      ekCertificateGenerationLocation: 'ekCertSigner',
      commonCriteria: undefined,
      fips: { version: '140-3', level: 1, plus: false },
      iso9000Certified: true,
    });
  });

  it('are read where they are', async () => {
    const read = examine(
      await withAttributes(
        [TCG_ATTRIBUTE.tpmSpecification, specification],
        [TCG_ATTRIBUTE.tpmSecurityAssertions, assertions],
      ),
    );
    expect(read.specification).toEqual({ family: '2.0', level: 0, revision: 159 });
    expect(read.securityAssertions).toEqual({
      fieldUpgradable: true,
      ekGenerationType: 'injected',
      ekGenerationLocation: 'tpmManufacturer',
      ekCertificateGenerationLocation: 'ekCertSigner',
      commonCriteria: der.sequence(),
      fips: { version: '140-2', level: 2, plus: true },
      iso9000Certified: true,
    });
    const none = examine(await withAttributes([TCG_ATTRIBUTE.tpmSecurityAssertions, der.sequence()]));
    expect(none.specification).toBeUndefined();
    expect(none.securityAssertions).toMatchObject({
      fieldUpgradable: false,
      ekGenerationType: undefined,
      fips: undefined,
    });
  });

  it.each([
    [
      'twice',
      [
        [TCG_ATTRIBUTE.tpmSpecification, specification],
        [TCG_ATTRIBUTE.tpmSpecification, specification],
      ],
    ],
    ['cut off', [[TCG_ATTRIBUTE.tpmSpecification, der.sequence(der.utf8String('2.0'))]]],
    ['of no known kind', [[TCG_ATTRIBUTE.tpmSecurityAssertions, der.sequence(der.element(0x80, Uint8Array.of(4)))]]],
  ] as const)('that are %s warn', async (_, attributes) => {
    const certificate = await withAttributes(...attributes);
    expect(said(certificate)).toEqual(['warns ek-certificate-profile 0 certificate-malformed']);
  });
});

describe('bytes of strangers', () => {
  it('never throw, with each byte changed, and cost a bounded number of signatures', async () => {
    const certificate = await ek();
    const crl = await makeCrl({ issuer: middle.certificate.subject.der, key: middle.key });
    const bytes = Uint8Array.from(certificate.der);
    const { crypto, verified } = counted();
    let read = 0;
    for (let i = 0; i < bytes.length; i++) {
      bytes[i]! ^= 0x15;
      const parsed = parseCertificate(bytes);
      bytes[i]! ^= 0x15;
      if (!parsed.ok) continue;
      const before = verified();
      const { findings } = examineEndorsementCertificate(
        crypto,
        parsed.value,
        options({ revocation: { crls: [crl] } }),
      );
      expect(findings.some(({ severity }) => severity === 'refuses')).toBe(true);
      expect(verified() - before).toBeLessThanOrEqual(8 + 16);
      read++;
    }
    expect(read).toBeGreaterThan(100);
  });
});
