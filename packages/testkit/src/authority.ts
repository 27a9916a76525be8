import { type Crypto, type Secret, type SigningKey, signingKeyOf } from '@sekimori/crypto-core';
import {
  type Certificate,
  type CertificateAuthority,
  issueAttestationSignerCertificate,
  issueServerCa,
  issueTlsClientCertificate,
  issueTlsServerCertificate,
  writeName,
} from '@sekimori/pki';

/** Good now and at START: TLS libraries look at the machine's clock. */
const LIFE = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2120-01-01T00:00:00Z') };

export async function createServerCa(crypto: Crypto): Promise<CertificateAuthority> {
  const { key } = await p256(crypto);
  const certificate = await issueServerCa(crypto, { ...LIFE, subject: writeName({ CN: 'server CA' }), key });
  return { key, certificate };
}

/** For a key of its own, or for one that lies elsewhere. */
export async function createAttestationSigner(
  crypto: Crypto,
  issuer: CertificateAuthority,
  key?: SigningKey,
): Promise<CertificateAuthority> {
  const signing = key ?? (await p256(crypto)).key;
  const parts = { ...LIFE, subject: writeName({ CN: 'attestation signer' }), publicKey: signing.publicKey, issuer };
  return { key: signing, certificate: await issueAttestationSignerCertificate(crypto, parts) };
}

export interface TlsIdentity {
  /** PKCS#8, DER. */
  readonly key: Secret;
  readonly certificate: Certificate;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
}

/** A server on this machine. */
export async function createTlsServer(crypto: Crypto, issuer: CertificateAuthority): Promise<TlsIdentity> {
  const { key, secret } = await p256(crypto);
  const address = { dns: ['localhost'], ip: ['127.0.0.1'] };
  const parts = { ...LIFE, ...address, subject: writeName({ CN: 'server' }), publicKey: key.publicKey, issuer };
  return { key: secret, certificate: await issueTlsServerCertificate(crypto, parts), spki: key.publicKey.spki };
}

/** A host's client certificate, which nobody issued but itself. */
export async function createTlsClient(crypto: Crypto): Promise<TlsIdentity> {
  const { key, secret } = await p256(crypto);
  const certificate = await issueTlsClientCertificate(crypto, { ...LIFE, subject: writeName({ CN: 'host' }), key });
  return { key: secret, certificate, spki: key.publicKey.spki };
}

async function p256(crypto: Crypto): Promise<{ readonly key: SigningKey; readonly secret: Secret }> {
  const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  return { key: signingKeyOf(key), secret: key.export() };
}
