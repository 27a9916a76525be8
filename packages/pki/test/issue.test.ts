import { X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { toHex } from '@sekimori/bytes';
import type { PrivateKey, SigningKey } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  basicConstraints,
  type Certificate,
  type CertificateAuthority,
  certificateTemplate,
  EXTENSION,
  extendedKeyUsage,
  issueAttestationSignerCertificate,
  issueCertificate,
  issueGuardianEncryptionCertificate,
  issueGuardianSigningCertificate,
  issueServerCa,
  issueTlsClientCertificate,
  issueTlsServerCertificate,
  keyUsage,
  NO_EXPIRY,
  PURPOSE,
  parseCertificate,
  randomSerial,
  validatePath,
  verifySignature,
  writeName,
  writePem,
} from '../src/index.ts';
import { day, signingKey } from './support/keys.ts';
import { hasOpenssl, openssl } from './support/openssl.ts';

const notBefore = day('2026-01-01');
const notAfter = day('2060-01-01');
const common = (CN: string) => ({ subject: writeName({ O: 'Sekimori', CN }), notBefore, notAfter });
const pem = (certificate: Certificate) => writePem('CERTIFICATE', certificate.der);

let ca: CertificateAuthority;
let attestationSigner: Certificate;
let signerKey: SigningKey;
let server: Certificate;
let serverKey: PrivateKey;
beforeAll(async () => {
  const key = await signingKey({ type: 'ec', curve: 'P-384' });
  ca = { key, certificate: await issueServerCa(nodeCrypto, { ...common('server CA'), key }) };
  signerKey = await signingKey();
  const { publicKey } = signerKey;
  attestationSigner = await issueAttestationSignerCertificate(nodeCrypto, {
    ...common('attestation signer'),
    publicKey,
    issuer: ca,
  });
  serverKey = await nodeCrypto.generateKey({ type: 'ec', curve: 'P-256' });
  const names = { dns: ['hgs.example', 'localhost'], ip: ['127.0.0.1', '::1'] };
  server = await issueTlsServerCertificate(nodeCrypto, {
    ...common('hgs.example'),
    ...names,
    publicKey: serverKey.publicKey,
    issuer: ca,
  });
});

describe('issuing', () => {
  it.each([
    ['ecdsa-sha256', { type: 'ec', curve: 'P-256' }],
    ['ecdsa-sha384', { type: 'ec', curve: 'P-384' }],
    ['ecdsa-sha512', { type: 'ec', curve: 'P-521' }],
    ['rsassa-sha256', { type: 'rsa', bits: 2048 }],
    ['rsassa-sha512', { type: 'rsa', bits: 2048 }],
    ['rsapss-sha256', { type: 'rsa', bits: 2048 }],
    ['rsapss-sha384', { type: 'rsa', bits: 2048 }],
  ] as const)('signs with %s what node and openssl verify', async (algorithm, spec) => {
    const key = await signingKey(spec, algorithm);
    const certificate = await issueServerCa(nodeCrypto, { ...common('CA'), key });
    expect(certificate.signatureAlgorithm).toMatchObject({ name: algorithm, weak: false });
    expect(verifySignature(nodeCrypto, certificate, key.publicKey)).toBe(true);
    const theirs = new X509Certificate(certificate.der);
    expect(theirs.verify(theirs.publicKey)).toBe(true);
    if (hasOpenssl)
      expect(openssl(['verify', '-check_ss_sig', '-CAfile', 'c', 'c'], { c: pem(certificate) })).toBe('c: OK\n');
  });

  it('makes positive serials of 16 bytes, each another', () => {
    const serials = Array.from({ length: 500 }, () => randomSerial(nodeCrypto));
    expect(new Set(serials.map(toHex)).size).toBe(500);
    for (const serial of serials) expect(serial[0]! >= 0x40 && serial[0]! < 0x80 && serial.length === 16).toBe(true);
  });

  it('throws on what no certificate may say', async () => {
    const key = await signingKey();
    const content = {
      serial: randomSerial(nodeCrypto),
      issuer: common('x').subject,
      ...common('x'),
      publicKey: key.publicKey,
      extensions: [],
    };
    await expect(issueCertificate({ ...content, serial: new Uint8Array(3) }, key)).rejects.toThrow(RangeError);
    await expect(issueCertificate({ ...content, serial: new Uint8Array(21).fill(1) }, key)).rejects.toThrow(RangeError);
    await expect(issueCertificate({ ...content, notBefore: NO_EXPIRY }, key)).rejects.toThrow(RangeError);
    const template = certificateTemplate({ issuer: content.issuer, extensions: [], algorithm: 'ecdsa-sha384' });
    await expect(template(content, key)).rejects.toThrow('ecdsa-sha384');
    expect(() => certificateTemplate({ issuer: content.issuer, extensions: [], algorithm: 'rsassa-sha1' })).toThrow(
      RangeError,
    );
    expect(() => basicConstraints(false, 1)).toThrow(RangeError);
  });

  it('by a template says the same as in one go', async () => {
    const key: SigningKey = { ...(await signingKey()), sign: async () => new Uint8Array(64).fill(1) };
    const content = {
      serial: randomSerial(nodeCrypto),
      issuer: common('x').subject,
      ...common('y'),
      publicKey: key.publicKey,
      extensions: [keyUsage('decipherOnly'), extendedKeyUsage(true, PURPOSE.clientAuth)],
    };
    const [first, second] = content.extensions;
    const template = certificateTemplate({ issuer: content.issuer, extensions: [first!], algorithm: key.algorithm });
    const made = await template({ ...content, extensions: [second!] }, key);
    expect(made).toEqual(await issueCertificate(content, key));
    const read = expectOk(parseCertificate(made));
    expect(read.serial).toBe(toHex(content.serial));
    expect([...read.extensions.keyUsage!]).toEqual(['decipherOnly']);
    expect([read.notBefore, read.notAfter]).toEqual([notBefore, notAfter]);
  });
});

describe('the certificates of a deployment', () => {
  it('chain to the server CA by our rules', () => {
    const options = { intermediates: [], roots: [ca.certificate], at: day('2027-01-01') };
    expect(validatePath(nodeCrypto, attestationSigner, { ...options, purpose: 'any' }).ok).toBe(true);
    expect(validatePath(nodeCrypto, server, { ...options, purpose: PURPOSE.serverAuth }).ok).toBe(true);
    expect(attestationSigner.extensions.basicConstraints).toEqual({ ca: true, pathLength: 0 });
    expect(attestationSigner.extensions.extendedKeyUsage).toEqual([PURPOSE.hostHealth]);
    expect(attestationSigner.extensions.all.get(EXTENSION.extendedKeyUsage)?.critical).toBe(true);
  });

  it.skipIf(!hasOpenssl)('chain to the server CA by the rules of openssl, strictly', () => {
    const files = { ca: pem(ca.certificate), leaf: pem(server), signer: pem(attestationSigner) };
    const verify = (...args: string[]) => openssl(['verify', '-x509_strict', '-CAfile', 'ca', ...args], files);
    expect(verify('-purpose', 'sslserver', '-verify_hostname', 'hgs.example', 'leaf')).toBe('leaf: OK\n');
    expect(verify('-purpose', 'sslserver', '-verify_ip', '::1', 'leaf')).toBe('leaf: OK\n');
    expect(() => verify('-verify_hostname', 'other.example', 'leaf')).toThrow('hostname mismatch');
    expect(verify('signer')).toBe('signer: OK\n');
  });

  it('serve TLS with a client known by its key', async () => {
    const clientKey = await nodeCrypto.generateKey({ type: 'ec', curve: 'P-256' });
    const client = await issueTlsClientCertificate(nodeCrypto, {
      ...common('host'),
      key: {
        publicKey: clientKey.publicKey,
        algorithm: 'ecdsa-sha256',
        sign: (data) => clientKey.sign('ecdsa-sha256', data),
      },
    });
    const keyPem = (key: PrivateKey) => key.export().use((bytes) => writePem('PRIVATE KEY', bytes));
    const listener = createServer({
      key: keyPem(serverKey),
      cert: pem(server),
      requestCert: true,
      rejectUnauthorized: false,
    });
    const seen = new Promise<Uint8Array>((resolve) => {
      listener.on('secureConnection', (socket) => {
        resolve(socket.getPeerX509Certificate()!.raw);
        socket.end();
      });
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: pem(ca.certificate),
      cert: pem(client),
      key: keyPem(clientKey),
    });
    await once(socket, 'secureConnect');
    expect(socket.authorized).toBe(true);
    const certificate = expectOk(parseCertificate(await seen));
    expect(expectOk(certificate.publicKey(nodeCrypto)).spki).toEqual(clientKey.publicKey.spki);
    socket.destroy();
    listener.close();
  });

  it('do not let whoever has the key of an attestation signer pass for a TLS server', async () => {
    const forged = await issueTlsServerCertificate(nodeCrypto, {
      ...common('localhost'),
      dns: ['localhost'],
      ip: ['127.0.0.1'],
      publicKey: serverKey.publicKey,
      issuer: { certificate: attestationSigner, key: signerKey },
    });
    const options = { intermediates: [attestationSigner], roots: [ca.certificate], at: day('2027-01-01') };
    expect(validatePath(nodeCrypto, forged, { ...options, purpose: PURPOSE.serverAuth })).toMatchObject({
      fault: { code: 'chain-purpose' },
    });
    const key = serverKey.export().use((bytes) => writePem('PRIVATE KEY', bytes));
    const listener = createServer({ key, cert: pem(forged) + pem(attestationSigner) });
    listener.on('tlsClientError', () => undefined);
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, ca: pem(ca.certificate) });
    const [refused] = (await once(socket, 'error').catch((error: unknown) => [error])) as [NodeJS.ErrnoException];
    expect(refused).toMatchObject({ code: 'INVALID_PURPOSE' });
    socket.destroy();
    listener.close();
    if (!hasOpenssl) return;
    const files = { ca: pem(ca.certificate), leaf: pem(forged), signer: pem(attestationSigner) };
    const args = ['verify', '-purpose', 'sslserver', '-CAfile', 'ca', '-untrusted', 'signer', 'leaf'];
    expect(() => openssl(args, files)).toThrow('purpose');
  });

  it('give a guardian a signing and an encryption half', async () => {
    const key = await signingKey();
    const signing = await issueGuardianSigningCertificate(nodeCrypto, { ...common('guardian'), key });
    const { publicKey } = await signingKey();
    const encryption = await issueGuardianEncryptionCertificate(nodeCrypto, {
      ...common('guardian encryption'),
      publicKey,
      issuer: { certificate: signing, key },
    });
    expect([...signing.extensions.keyUsage!]).toEqual(['digitalSignature']);
    expect([...encryption.extensions.keyUsage!]).toEqual(['keyAgreement']);
    expect(verifySignature(nodeCrypto, encryption, key.publicKey)).toBe(true);
    expect(verifySignature(nodeCrypto, signing, key.publicKey)).toBe(true);
  });

  it('refuse names that are none', async () => {
    const parts = { ...common('x'), publicKey: serverKey.publicKey, issuer: ca };
    for (const names of [
      { dns: [], ip: [] },
      { dns: ['a b'], ip: [] },
      { dns: [], ip: ['1.2.3'] },
      { dns: [''], ip: [] },
    ])
      await expect(issueTlsServerCertificate(nodeCrypto, { ...parts, ...names })).rejects.toThrow(RangeError);
  });
});
