import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { type Certificate, certificatesFromPem, parseCertificate, verifySignature } from '../src/index.ts';
import { hasOpenssl, openssl } from './support/openssl.ts';

const vector = (name: string) => readFileSync(new URL(`vectors/swtpm/${name}`, import.meta.url));
const ek = expectOk(parseCertificate(vector('ek-rsa2048.crt')));
const [issuer] = expectOk(certificatesFromPem(vector('ek-issuer.pem').toString())) as [Certificate];
const [root] = expectOk(certificatesFromPem(vector('ek-root.pem').toString())) as [Certificate];

describe('reading a certificate', () => {
  it('tells what stands in the EK certificate of a swtpm', () => {
    expect(ek).toMatchObject({ version: 3, serial: '02' });
    expect(ek.issuer.text).toBe('CN=swtpm-localca');
    expect(ek.subject.text).toBe('CN=host1');
    expect(ek.notBefore.toISOString()).toBe('2026-11-21T23:40:09.000Z');
    expect(ek.notAfter.toISOString()).toBe('9999-12-31T23:59:59.000Z');
    expect(ek.signatureAlgorithm).toMatchObject({ name: 'rsassa-sha256', weak: false });
    expect(ek.extensions.basicConstraints).toEqual({ ca: false, pathLength: undefined });
    expect([...ek.extensions.keyUsage!]).toEqual(['keyEncipherment']);
    expect(ek.extensions.extendedKeyUsage).toEqual(['2.23.133.8.1']);
    expect(ek.extensions.subjectAlternativeName).toHaveLength(1);
    expect([...ek.extensions.all.keys()]).toContain('2.5.29.9');
    expect(toHex(ek.extensions.authorityKeyIdentifier!)).toBe(toHex(issuer.extensions.subjectKeyIdentifier!));
  });

  it('agrees with node on all it can tell', () => {
    for (const certificate of [ek, issuer, root]) {
      const theirs = new X509Certificate(certificate.der);
      expect(theirs.serialNumber.toLowerCase()).toBe(certificate.serial);
      expect(theirs.validFromDate).toEqual(certificate.notBefore);
      expect(theirs.validToDate).toEqual(certificate.notAfter);
      expect(theirs.subject).toBe(certificate.subject.text);
      expect(theirs.ca).toBe(certificate.extensions.basicConstraints?.ca);
      expect(theirs.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(certificate.fingerprint(nodeCrypto));
      expect(theirs.publicKey.export({ format: 'der', type: 'spki' })).toEqual(Buffer.from(certificate.spki));
    }
  });

  it.skipIf(!hasOpenssl)('agrees with openssl on the names', () => {
    for (const certificate of [ek, issuer, root]) {
      const args = ['x509', '-inform', 'DER', '-in', 'c.der', '-noout', '-subject', '-issuer', '-nameopt', 'RFC2253'];
      const printed = openssl(args, { 'c.der': certificate.der });
      expect(printed).toBe(`subject=${certificate.subject.text}\nissuer=${certificate.issuer.text}\n`);
    }
  });

  it('verifies over the received bytes with the right key alone', () => {
    const [issuerKey, rootKey] = [issuer, root].map((certificate) => expectOk(certificate.publicKey(nodeCrypto)));
    expect(verifySignature(nodeCrypto, ek, issuerKey!)).toBe(true);
    expect(verifySignature(nodeCrypto, issuer, rootKey!)).toBe(true);
    expect(verifySignature(nodeCrypto, root, rootKey!)).toBe(true);
    expect(verifySignature(nodeCrypto, ek, rootKey!)).toBe(false);
  });

  it('keeps its own copy, and imports the key once', () => {
    const bytes = Uint8Array.from(ek.der);
    const certificate = expectOk(parseCertificate(bytes));
    bytes.fill(0);
    expect(certificate.der).toEqual(ek.der);
    expect(certificate.publicKey(nodeCrypto)).toBe(certificate.publicKey(nodeCrypto));
  });
});
