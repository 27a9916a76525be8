import { signingKeyOf } from '@sekimori/crypto-core';
import { issueGuardianSigningCertificate, writeName } from '@sekimori/pki';
import type { DocumentSigner } from '../src/index.ts';
import { AT, crypto } from './parties.ts';

/** A communications key with its self-signed certificate. */
export async function communications(type: 'ec' | 'rsa'): Promise<{ readonly signer: DocumentSigner }> {
  const key = signingKeyOf(await crypto.generateKey(type === 'ec' ? { type, curve: 'P-256' } : { type, bits: 2048 }));
  const certificate = await issueGuardianSigningCertificate(crypto, {
    subject: writeName({ CN: 'Communications' }),
    notBefore: AT,
    notAfter: new Date('2041-01-01T00:00:00Z'),
    key,
  });
  return { signer: { key, certificate } };
}
