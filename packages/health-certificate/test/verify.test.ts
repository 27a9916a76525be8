import { concat } from '@sekimori/bytes';
import { der, type PublicKey, type SigningKey } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type CertificateContent,
  extendedKeyUsage,
  extension,
  issueAttestationSignerCertificate,
  issueCertificate,
  issueTlsServerCertificate,
  keyUsage,
  PURPOSE,
  randomSerial,
  writeName,
} from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Claims,
  type HealthExpectation,
  HOST_HEALTH,
  HOST_HEALTH_CLAIMS,
  issueHealthCertificate,
  VerifiedHealthCertificate,
  writeClaims,
} from '../src/index.ts';
import { at, claims, expectation, later, newKey, newSetting, type Setting, signingKeyOf } from './support/setting.ts';

let setting: Setting;
let good: Uint8Array;
beforeAll(async () => {
  setting = await newSetting();
  good = (await issue()).der;
});

const issue = (part: Partial<Claims> = {}, life = { notBefore: later(-5), notAfter: later(60) }, by = setting) =>
  issueHealthCertificate(nodeCrypto, { ...by, claims: { ...claims, ...part }, ...life });
const verify = (leaf: Uint8Array, more: Partial<HealthExpectation> = {}) =>
  VerifiedHealthCertificate.verify(nodeCrypto, leaf, expectation(setting, more));
const codeOf = (leaf: Uint8Array, more: Partial<HealthExpectation> = {}) => {
  const outcome = verify(leaf, more);
  return outcome.ok ? 'ok' : outcome.fault.code;
};

/** A certificate by the right signer with parts of one's own. */
const handmade = (parts: Partial<CertificateContent> = {}, signer: SigningKey = setting.signer) =>
  issueCertificate(
    {
      serial: randomSerial(nodeCrypto),
      issuer: setting.signerCertificate.subject.der,
      subject: writeName({ CN: 'host' }),
      notBefore: later(-5),
      notAfter: later(60),
      publicKey: setting.healthKey,
      extensions: [USAGE, PURPOSES, CLAIMS],
      ...parts,
    },
    signer,
  );
const USAGE = keyUsage('keyAgreement');
const PURPOSES = extendedKeyUsage(true, HOST_HEALTH);
const CLAIMS = extension(HOST_HEALTH_CLAIMS, false, writeClaims(claims));

describe('a good health certificate', () => {
  it('tells its claims, its key and its signer', async () => {
    const issued = await issue();
    const verified = expectOk(verify(issued.der));
    expect(verified.claims).toEqual(claims);
    expect(verified.healthKey.spki).toEqual(setting.healthKey.spki);
    expect(verified.signer).toBe(setting.signerCertificate);
    expect(verified.serial).toBe(issued.serial);
    expect([verified.notAfter, issued.notAfter]).toEqual([later(60), later(60)]);
    expect(verified.digest(nodeCrypto)).toEqual(nodeCrypto.hash('sha256', issued.der));
    expect(verified.isConfirmedBy(nodeCrypto, Uint8Array.of(1, 2, 3))).toBe(true);
    expect(verified.isConfirmedBy(nodeCrypto, Uint8Array.of(1, 2, 4))).toBe(false);
  });
  it('may be handmade: what is checked is the profile', async () => {
    expect(codeOf(await handmade())).toBe('ok');
    const identifier = setting.signerCertificate.extensions.subjectKeyIdentifier!;
    const full = [USAGE, PURPOSES, CLAIMS, basicConstraints(false), authorityKeyIdentifier(identifier)];
    expect(codeOf(await handmade({ extensions: [...full, extension('1.2.3', false, der.nothing())] }))).toBe('ok');
  });
  it('holds until its last second, and no longer', () => {
    expect(codeOf(good, { at: later(60) })).toBe('ok');
    expect(codeOf(good, { at: later(-5) })).toBe('ok');
  });
  it('is found among several signers, also two of one name', async () => {
    const other = await newSetting();
    const signers = [{ certificate: other.signerCertificate }, { certificate: setting.signerCertificate }];
    expect(codeOf(good, { signers })).toBe('ok');
  });
});

describe('certificate-malformed', () => {
  it('cut, changed or with a byte added: a fault, never a throw', () => {
    for (let length = 0; length < good.length; length++)
      expect(codeOf(good.subarray(0, length))).toBe('certificate-malformed');
    expect(codeOf(concat(good, Uint8Array.of(0)))).toBe('certificate-malformed');
    const changed = Uint8Array.from(good);
    for (let i = 0; i < good.length; i++) {
      changed[i]! ^= 0x01;
      expect(verify(changed).ok).toBe(false);
      changed[i]! ^= 0x01;
    }
  });
  it('claims that are none', async () => {
    const extensions = [USAGE, PURPOSES, extension(HOST_HEALTH_CLAIMS, false, der.nothing())];
    expect(codeOf(await handmade({ extensions }))).toBe('certificate-malformed');
  });
});

describe('certificate-untrusted', () => {
  it('no signer is trusted', () => expect(codeOf(good, { signers: [] })).toBe('certificate-untrusted'));
  it('a signer of the same name with another key', async () => {
    const other = await newSetting();
    expect(codeOf((await issue({}, undefined, other)).der)).toBe('certificate-untrusted');
  });
  it('the server CA is not pinned by what it issued, nor what it issued by it', async () => {
    expect(codeOf(good, { signers: [{ certificate: setting.ca.certificate }] })).toBe('certificate-untrusted');
    const byCa = await handmade({ issuer: setting.ca.certificate.subject.der }, setting.ca.key);
    expect(codeOf(byCa)).toBe('certificate-untrusted');
  });
  it('a pinned certificate that may not sign others', async () => {
    const certificate = await issueTlsServerCertificate(nodeCrypto, {
      subject: setting.signerCertificate.subject.der,
      notBefore: later(-5),
      notAfter: later(60),
      publicKey: setting.signer.publicKey,
      issuer: setting.ca,
      dns: ['hgs.example'],
      ip: [],
    });
    expect(codeOf(good, { signers: [{ certificate }] })).toBe('certificate-untrusted');
  });
});

describe('certificate-signature', () => {
  it('signed by another key in the name of the signer', async () => {
    expect(codeOf(await handmade({}, signingKeyOf(await newKey())))).toBe('certificate-signature');
  });
  it('one flipped bit in the claims', () => {
    const changed = Uint8Array.from(good);
    const marker = [...claims.ekHash];
    const found = changed.findIndex((_, i) => marker.every((byte, j) => changed[i + j] === byte));
    changed[found]! ^= 1;
    expect(codeOf(changed)).toBe('certificate-signature');
  });
});

describe('certificate-signer-expired', () => {
  it('the signer has ended; what it issues never lives longer', async () => {
    const brief = await newSetting(later(10));
    const issued = await issue({}, undefined, brief);
    expect(issued.notAfter).toEqual(later(10));
    const outcome = (when: Date) =>
      VerifiedHealthCertificate.verify(nodeCrypto, issued.der, { ...expectation(brief), at: when });
    expect(outcome(later(10)).ok).toBe(true);
    expect(outcome(later(11))).toMatchObject({ fault: { code: 'certificate-signer-expired' } });
  });
  it('the signer has not begun', async () => {
    const certificate = await issueAttestationSignerCertificate(nodeCrypto, {
      subject: setting.signerCertificate.subject.der,
      notBefore: later(1),
      notAfter: later(600),
      publicKey: setting.signer.publicKey,
      issuer: setting.ca,
    });
    expect(codeOf(good, { signers: [{ certificate }] })).toBe('certificate-signer-expired');
  });
});

describe('a signer pinned twice, since it was renewed', () => {
  it('is valid by either certificate, and denied by either', async () => {
    const renewed = (notAfter: Date) =>
      issueAttestationSignerCertificate(nodeCrypto, {
        subject: setting.signerCertificate.subject.der,
        notBefore: later(-60),
        notAfter,
        publicKey: setting.signer.publicKey,
        issuer: setting.ca,
      });
    const [old, current] = [await renewed(later(-10)), { certificate: setting.signerCertificate }];
    expect(codeOf(good, { signers: [{ certificate: old }, current] })).toBe('ok');
    expect(codeOf(good, { signers: [{ certificate: old }] })).toBe('certificate-signer-expired');
    const denying = { certificate: old, denyIssuedBefore: later(1) };
    expect(codeOf(good, { signers: [current, denying] })).toBe('certificate-denied');
  });
});

describe('certificate-critical-extension', () => {
  it('one that is not known', async () => {
    const extensions = [USAGE, PURPOSES, CLAIMS, extension('1.2.3.4', true, der.nothing())];
    expect(codeOf(await handmade({ extensions }))).toBe('certificate-critical-extension');
  });
});

describe('certificate-profile', () => {
  const optional = (oid: string) => extension(oid, false, der.sequence(der.oid(HOST_HEALTH)));
  it.each([
    ['no key usage', [PURPOSES, CLAIMS]],
    ['a signing key', [PURPOSES, CLAIMS, keyUsage('digitalSignature')]],
    ['a key for two uses', [PURPOSES, CLAIMS, keyUsage('keyAgreement', 'digitalSignature')]],
    ['a key usage that is not critical', [PURPOSES, CLAIMS, extension('2.5.29.15', false, Uint8Array.of(3, 2, 3, 8))]],
    ['no purpose', [USAGE, CLAIMS]],
    ['another purpose', [USAGE, CLAIMS, extendedKeyUsage(true, PURPOSE.clientAuth)]],
    ['any purpose', [USAGE, CLAIMS, extendedKeyUsage(true, PURPOSE.any)]],
    ['one purpose too many', [USAGE, CLAIMS, extendedKeyUsage(true, HOST_HEALTH, PURPOSE.clientAuth)]],
    ['a purpose that is not critical', [USAGE, CLAIMS, optional('2.5.29.37')]],
    ['no claims', [USAGE, PURPOSES]],
    ['a CA', [USAGE, PURPOSES, CLAIMS, basicConstraints(true)]],
  ])('%s', async (_, extensions) => {
    expect(codeOf(await handmade({ extensions }))).toBe('certificate-profile');
  });
  it('a health key that is not EC P-256', async () => {
    const p384 = (await nodeCrypto.generateKey({ type: 'ec', curve: 'P-384' })).publicKey;
    const off: PublicKey = { ...setting.healthKey, spki: Uint8Array.from(setting.healthKey.spki) };
    off.spki[off.spki.length - 1]! ^= 1;
    for (const publicKey of [p384, off]) expect(codeOf(await handmade({ publicKey }))).toBe('certificate-profile');
  });
});

describe('time, revocation, audience and floors', () => {
  it('certificate-not-yet-valid', () => expect(codeOf(good, { at: later(-6) })).toBe('certificate-not-yet-valid'));
  it('certificate-expired', () => {
    expect(codeOf(good, { at: new Date(later(60).getTime() + 1) })).toBe('certificate-expired');
  });
  it('refuses at a time that is none', () =>
    expect(codeOf(good, { at: new Date(Number.NaN) })).toBe('certificate-signer-expired'));
  it('certificate-denied: by the time of the evidence, not of the certificate', async () => {
    const signers = (denyIssuedBefore: Date) => [{ certificate: setting.signerCertificate, denyIssuedBefore }];
    expect(codeOf(good, { signers: signers(claims.evidenceTime) })).toBe('ok');
    expect(codeOf(good, { signers: signers(new Date(claims.evidenceTime.getTime() + 1)) })).toBe('certificate-denied');
    const old = await issue({ evidenceTime: later(-30) });
    expect(codeOf(old.der, { signers: signers(later(-29)) })).toBe('certificate-denied');
    expect(codeOf(good, { signers: signers(new Date(Number.NaN)) })).toBe('certificate-denied');
  });
  it('certificate-revoked: by host, time of the evidence or serial', async () => {
    const issued = await issue();
    expect(codeOf(issued.der, { isRevoked: ({ hostId }) => hostId === claims.hostId })).toBe('certificate-revoked');
    const { evidenceTime: issuedFor } = claims;
    expect(codeOf(issued.der, { isRevoked: ({ evidenceTime }) => evidenceTime <= issuedFor })).toBe(
      'certificate-revoked',
    );
    expect(codeOf(issued.der, { isRevoked: ({ evidenceTime }) => evidenceTime < issuedFor })).toBe('ok');
    expect(codeOf(issued.der, { isRevoked: (_, serial) => serial === issued.serial })).toBe('certificate-revoked');
    expect(codeOf(good, { isRevoked: (_, serial) => serial === issued.serial })).toBe('ok');
  });
  it('certificate-audience', () => expect(codeOf(good, { audience: 'KPS.example' })).toBe('certificate-audience'));
  it('certificate-level', async () => {
    expect(codeOf(good, { minimumLevel: 'measured-locked' })).toBe('certificate-level');
    expect(codeOf((await issue({ level: 'identity' })).der)).toBe('certificate-level');
    expect(codeOf((await issue({ level: 'confidential' })).der, { minimumLevel: 'measured-locked' })).toBe('ok');
  });
  it('certificate-key-isolation', async () => {
    expect(codeOf(good, { minimumKeyIsolation: 'vbs' })).toBe('certificate-key-isolation');
    expect(codeOf((await issue({ keyIsolation: 'tee' })).der, { minimumKeyIsolation: 'vbs' })).toBe('ok');
  });
});

describe('issuing', () => {
  it('throws where signer, key and times do not fit', async () => {
    const request = { ...setting, claims, notBefore: at, notAfter: later(60) };
    const stranger = signingKeyOf(await newKey());
    await expect(issueHealthCertificate(nodeCrypto, { ...request, signer: stranger })).rejects.toThrow('another key');
    await expect(issueHealthCertificate(nodeCrypto, { ...request, notAfter: later(-1) })).rejects.toThrow(RangeError);
    const p384 = (await nodeCrypto.generateKey({ type: 'ec', curve: 'P-384' })).publicKey;
    if (p384.type !== 'ec') throw new Error('an EC key was asked for');
    await expect(issueHealthCertificate(nodeCrypto, { ...request, healthKey: p384 })).rejects.toThrow('P-256');
  });
  it('drops fractions of seconds towards less trust', async () => {
    const issued = await issue({}, { notBefore: later(-5), notAfter: new Date(later(60).getTime() + 999) });
    expect(issued.notAfter).toEqual(later(60));
  });
});
