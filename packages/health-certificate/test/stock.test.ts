import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { writePem } from '@sekimori/pki';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST_HEALTH, HOST_HEALTH_CLAIMS, issueHealthCertificate } from '../src/index.ts';
import { at, claims, later, newSetting } from './support/setting.ts';

const hasOpenssl = ((): boolean => {
  if (spawnSync('openssl', ['version']).status === 0) return true;
  if (process.env['CI']) throw new Error('openssl is missing');
  console.log('skipped: openssl is not installed');
  return false;
})();

let folder: string;
let leaf: Uint8Array;
let signer: Uint8Array;
beforeAll(async () => {
  const setting = await newSetting();
  const issued = await issueHealthCertificate(nodeCrypto, {
    ...setting,
    claims,
    notBefore: later(-5),
    notAfter: later(60),
  });
  leaf = issued.der;
  signer = setting.signerCertificate.der;
  folder = mkdtempSync(join(tmpdir(), 'sekimori-health-'));
  const files = { ca: setting.ca.certificate.der, signer, leaf };
  for (const [name, bytes] of Object.entries(files))
    writeFileSync(join(folder, `${name}.pem`), writePem('CERTIFICATE', bytes));
});
afterAll(() => rmSync(folder, { recursive: true }));

const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

describe.skipIf(!hasOpenssl)('openssl', () => {
  it('verifies server CA, signer and health certificate, strictly and at the time', () => {
    const time = String(at.getTime() / 1000);
    const args = ['-x509_strict', '-purpose', 'any', '-attime', time, '-CAfile', 'ca.pem', '-untrusted', 'signer.pem'];
    expect(openssl('verify', ...args, 'leaf.pem')).toBe('leaf.pem: OK\n');
    args[4] = String(later(61).getTime() / 1000);
    expect(() => openssl('verify', ...args, 'leaf.pem')).toThrow('has expired');
  });
  it('verifies it under the pinned signer alone', () => {
    const time = String(at.getTime() / 1000);
    const args = ['-x509_strict', '-partial_chain', '-attime', time, '-CAfile', 'signer.pem', 'leaf.pem'];
    expect(openssl('verify', ...args)).toBe('leaf.pem: OK\n');
  });
  it('does not take it for a TLS certificate', () => {
    const time = String(at.getTime() / 1000);
    const args = ['-attime', time, '-CAfile', 'ca.pem', '-untrusted', 'signer.pem', 'leaf.pem'];
    for (const purpose of ['sslclient', 'sslserver'])
      expect(() => openssl('verify', '-purpose', purpose, ...args)).toThrow('purpose');
  });
  it('prints it', () => {
    const text = openssl('x509', '-in', 'leaf.pem', '-noout', '-text');
    expect(text).toMatch(/X509v3 Key Usage: critical\s+Key Agreement\n/);
    expect(text).toMatch(/X509v3 Extended Key Usage: critical\s+2\.25\./);
    expect(text).toContain(HOST_HEALTH);
    expect(text).toContain(HOST_HEALTH_CLAIMS);
    expect(text).toContain(claims.hostId);
  });
  it('shows the claims element by element', () => {
    const text = openssl('asn1parse', '-in', 'leaf.pem');
    const at1 = new RegExp(`OBJECT +:${HOST_HEALTH_CLAIMS.replaceAll('.', '\\.')}\\n +(\\d+):`).exec(text);
    const parsed = openssl('asn1parse', '-in', 'leaf.pem', '-strparse', at1![1]!);
    expect(parsed).toMatch(/UTF8STRING +:measured\n/);
    expect(parsed).toMatch(/GENERALIZEDTIME +:20260701115959\.88Z\n/);
  });
});

describe('node', () => {
  it('reads it and sees who issued it', () => {
    const [theirs, issuer] = [new X509Certificate(leaf), new X509Certificate(signer)];
    expect(theirs.checkIssued(issuer) && theirs.verify(issuer.publicKey)).toBe(true);
    expect(theirs.ca).toBe(false);
    // node calls the extended key usage "keyUsage"
    expect(theirs.keyUsage).toEqual([HOST_HEALTH]);
  });
});
