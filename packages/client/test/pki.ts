import { toHex } from '@sekimori/bytes';
import type { PrivateKey, Secret } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import {
  type CertificateAuthority,
  issueServerCa,
  issueTlsClientCertificate,
  issueTlsServerCertificate,
  writeName,
  writePem,
} from '@sekimori/pki';

const life = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2120-01-01T00:00:00Z') };

export interface TlsIdentity {
  readonly key: Secret;
  readonly cert: string;
  readonly spkiHash: string;
}

async function signingKey(): Promise<{ key: PrivateKey; signer: CertificateAuthority['key'] }> {
  const key = await nodeCrypto.generateKey({ type: 'ec', curve: 'P-256' });
  const algorithm = 'ecdsa-sha256';
  const sign = (data: Uint8Array): Promise<Uint8Array> => key.sign(algorithm, data);
  return { key, signer: { publicKey: key.publicKey, algorithm, sign } };
}

function identity(key: PrivateKey, certificate: Uint8Array): TlsIdentity {
  const spkiHash = toHex(nodeCrypto.hash('sha256', key.publicKey.spki));
  return { key: key.export(), cert: writePem('CERTIFICATE', certificate), spkiHash };
}

/** A CA, a server on loopback, and a client that nobody issued. */
export async function aPki(
  names: { dns: readonly string[]; ip: readonly string[] } = { dns: ['localhost'], ip: ['127.0.0.1'] },
): Promise<{ ca: string; server: TlsIdentity; client: TlsIdentity }> {
  const [ca, server, client] = [await signingKey(), await signingKey(), await signingKey()];
  const subject = (name: string): Uint8Array => writeName({ CN: name });
  const caCertificate = await issueServerCa(nodeCrypto, { ...life, subject: subject('test CA'), key: ca.signer });
  const serverCertificate = await issueTlsServerCertificate(nodeCrypto, {
    ...life,
    subject: subject('server'),
    publicKey: server.key.publicKey,
    issuer: { certificate: caCertificate, key: ca.signer },
    ...names,
  });
  const parts = { ...life, subject: subject('host'), key: client.signer };
  const clientCertificate = await issueTlsClientCertificate(nodeCrypto, parts);
  return {
    ca: writePem('CERTIFICATE', caCertificate.der),
    server: identity(server.key, serverCertificate.der),
    client: identity(client.key, clientCertificate.der),
  };
}
