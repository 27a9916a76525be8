import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { describeFault, expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  type Certificate,
  certificateFromNv,
  certificatesFromPem,
  checkEndorsementCertificate,
  isRocaWeak,
  parseCertificate,
  tpmIdentityOf,
  validatePath,
} from '../src/index.ts';

// Certificates of real TPMs and their vendors, read in place; corpora are not part of this repository.
const corpus = process.env['SEKIMORI_CORPUS'] ?? fileURLToPath(new URL('../../../../shared/corpus', import.meta.url));
const present = existsSync(join(corpus, 'keylime+keylime'));
if (!present) console.log('skipped: no corpus (set SEKIMORI_CORPUS to its folder)');

const read = (...path: string[]) => new Uint8Array(readFileSync(join(corpus, ...path)));
function certificatesIn(bytes: Uint8Array): readonly Certificate[] {
  const text = new TextDecoder('latin1').decode(bytes);
  return text.includes('-----BEGIN') ? expectOk(certificatesFromPem(text)) : [expectOk(parseCertificate(bytes))];
}
const folder = (...path: string[]) =>
  readdirSync(join(corpus, ...path)).flatMap((name) => certificatesIn(read(...path, name)));

function vendors(): readonly Certificate[] {
  const all = [
    ...folder('keylime+keylime', 'tpm_cert_store'),
    ...folder('kgoldman+ibmtss', 'utils', 'certificates'),
    ...certificatesIn(read('loicsikidi+tpm-ca-certificates', 'MIRROR.tpm-ca-certificates.pem')),
    ...certificatesIn(read('loicsikidi+tpm-ca-certificates', 'MIRROR.tpm-intermediate-ca-certificates.pem')),
  ];
  return [...new Map(all.map((certificate) => [certificate.fingerprint(nodeCrypto), certificate])).values()];
}
const isSelfIssued = (certificate: Certificate) => certificate.issuer.matches(certificate.subject);

describe.skipIf(!present)('vendors of TPMs', () => {
  it('reads all their roots and intermediates, with keys we know and without flawed ones', () => {
    const all = vendors();
    expect(all.length).toBeGreaterThan(200);
    for (const certificate of all) {
      const key = expectOk(certificate.publicKey(nodeCrypto));
      expect(certificate.signatureAlgorithm.name).toBeDefined();
      if (key.type === 'rsa') expect(isRocaWeak(key.modulus)).toBe(false);
    }
  });

  it('finds the path of every intermediate whose root is there', () => {
    const all = vendors();
    const roots = all.filter(isSelfIssued);
    const outcomes = new Map<string, number>();
    for (const certificate of all) {
      const intermediates = all.filter((other) => other !== certificate);
      const at = new Date(Math.max(certificate.notBefore.getTime(), Date.UTC(2026, 0, 1)));
      const path = validatePath(nodeCrypto, certificate, {
        intermediates,
        roots,
        at,
        purpose: 'any',
        expired: 'finding',
        weakSignatures: 'finding',
      });
      if (!path.ok) expect(describeFault(path.fault)).toMatch(/'CN=(AMD Root CA R4|Aliyun TPM Root CA)/);
      const outcome = path.ok ? 'ok' : path.fault.code;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()].toSorted()).toEqual(['chain-untrusted', 'ok']);
  });
});

describe.skipIf(!present)('EK certificates with quirks (HIRS)', () => {
  const hirs = ['nsacyber+HIRS', 'HIRS_AttestationCA', 'src', 'test', 'resources', 'certificates'];
  it.each([
    ['ek_cert_with_padded_bytes.cer', '4e544300', 'NPCT6xx', 'key-usage', 'untrusted'],
    ['ek_cert_with_security_assertions.cer', '49465800', 'SLB9635TT1.2', 'purpose', 'weak-signature'],
    ['nuc-1/ek_cert_untouched.cer', '53544d20', 'ST33ZP24PVSP', 'key-usage', 'weak-signature'],
    ['nuc-1/ek_cert_7_byte_header_removed.cer', '53544d20', 'ST33ZP24PVSP', 'key-usage', 'weak-signature'],
  ])('reads %s, and refuses it as the TPM 1.2 certificate it is', (name, manufacturer, model, profile, chain) => {
    const certificate = expectOk(parseCertificate(expectOk(certificateFromNv(read(...hirs, name)))));
    expect(tpmIdentityOf(certificate)).toMatchObject({ manufacturer, model });
    expect(certificate.publicKey(nodeCrypto)).toMatchObject({ ok: true, value: { type: 'rsa', bits: 2048 } });
    expect(certificate.signatureAlgorithm).toMatchObject({ name: 'rsassa-sha1', weak: true });
    const roots = vendors().filter(isSelfIssued);
    const at = new Date('2020-01-01');
    // they lack key usage or purpose, and their chains are SHA-1 (one root is not in the corpora)
    expect(checkEndorsementCertificate(nodeCrypto, certificate, { intermediates: vendors(), roots, at })).toMatchObject(
      { fault: { code: `ek-certificate-${profile}` } },
    );
    const path = { intermediates: vendors(), roots, at, purpose: 'any' };
    expect(validatePath(nodeCrypto, certificate, path)).toMatchObject({ fault: { code: `chain-${chain}` } });
    const lenient = validatePath(nodeCrypto, certificate, { ...path, weakSignatures: 'finding' });
    expect(lenient.ok).toBe(chain === 'weak-signature');
  });
  it('the certificate with and without its TCG header is the same one', () => {
    const [whole, bare] = ['ek_cert_untouched.cer', 'ek_cert_7_byte_header_removed.cer'].map((name) =>
      expectOk(certificateFromNv(read(...hirs, 'nuc-1', name))),
    );
    expect(whole).toEqual(bare);
  });
});

describe.skipIf(!present)('certificates of Google virtual TPMs', () => {
  const google = ['google+go-tpm-tools', 'internal', 'test', 'certificates'];
  const check = (name: string) => {
    const [certificate] = certificatesIn(read(...google, name));
    return checkEndorsementCertificate(nodeCrypto, certificate!, {
      intermediates: [],
      roots: [],
      at: new Date('2024-01-01'),
    });
  };
  it.each([
    ['uca_tpm_rsa_enc_cert.pem', 'ek-certificate-untrusted'],
    ['uca_tpm_ecc_enc_cert.pem', 'ek-certificate-untrusted'],
    ['uca_tpm_rsa_sign_cert.pem', 'ek-certificate-key-usage'],
    ['uca_tpm_ecc_sign_cert.pem', 'ek-certificate-key-usage'],
    ['pca_tpm_rsa_enc_cert.pem', 'ek-certificate-purpose'],
    ['pca_tpm_ecc_enc_cert.pem', 'ek-certificate-purpose'],
    ['pca_tpm_rsa_sign_cert.pem', 'ek-certificate-purpose'],
    ['pca_tpm_ecc_sign_cert.pem', 'ek-certificate-purpose'],
  ])('%s: %s', (name, code) => expect(check(name)).toMatchObject({ ok: false, fault: { code } }));
});
