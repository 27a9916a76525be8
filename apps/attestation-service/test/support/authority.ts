import { signingKeyOf } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type CertificateAuthority, issueAttestationSignerCertificate, issueServerCa, writeName } from '@sekimori/pki';
import type { AttestationSigner } from '../../src/deps.ts';

export { crypto };
export const LIFE = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2120-01-01T00:00:00Z') };

export async function p256SigningKey() {
  return signingKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
}

export async function aServerCa(): Promise<CertificateAuthority> {
  const key = await p256SigningKey();
  return { key, certificate: await issueServerCa(crypto, { ...LIFE, subject: writeName({ CN: 'server CA' }), key }) };
}

export async function aSigner(life = LIFE): Promise<AttestationSigner> {
  const [issuer, key] = [await aServerCa(), await p256SigningKey()];
  const subject = writeName({ CN: 'attestation signer' });
  const parts = { ...life, subject, publicKey: key.publicKey, issuer };
  return { key, certificate: await issueAttestationSignerCertificate(crypto, parts), ca: issuer.certificate };
}
