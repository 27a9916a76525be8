import { concat, u32be, utf8 } from '@sekimori/bytes';
import { type Crypto, Secret } from '@sekimori/crypto-core';

/** What one attestation is bound to: whoever changes any of it has other qualifying data than the TPM signed. */
export interface EvidenceContext {
  readonly challenge: Uint8Array;
  readonly serviceId: string;
  readonly hostId: string;
  /** The Name of the health key, computed from its public area. */
  readonly healthKeyName: Uint8Array;
  /** SubjectPublicKeyInfo (DER) of the key the host uses for client TLS. */
  readonly clientKey: Uint8Array;
}

/** The extraData of quote and certification, profile sekimori-1: SHA-256 over length-prefixed label and context. */
export function evidenceBinding(crypto: Crypto, context: EvidenceContext): Uint8Array {
  const parts = [
    utf8('sekimori-1 attestation'),
    context.challenge,
    utf8(context.serviceId),
    utf8(context.hostId),
    context.healthKeyName,
    crypto.hash('sha256', context.clientKey),
  ];
  return crypto.hash('sha256', concat(...parts.map(lengthPrefixed)));
}

/**
 * What a host answers to credential activation: proof of the secrets, one for each endorsement key in the order of enrolment, bound to
 * the host and the attestation key's Name. An HMAC-SHA256 keyed by the length-prefixed secrets.
 */
export function activationProof(
  crypto: Crypto,
  secrets: readonly [Secret, ...Secret[]],
  hostId: string,
  attestationKeyName: Uint8Array,
): Uint8Array {
  const parts = [utf8('sekimori-1 activation'), utf8(hostId), attestationKeyName];
  const key = joined(secrets);
  const proof = crypto.hmac('sha256', key, concat(...parts.map(lengthPrefixed)));
  key.wipe();
  return proof;
}

/** Each with its length: HMAC fills a short key up with zeros, so a secret of zeros at the end would be none. */
function joined(secrets: readonly Secret[]): Secret {
  const bytes = new Uint8Array(secrets.reduce((length, secret) => length + 4 + secret.length, 0));
  let at = 0;
  for (const secret of secrets) {
    bytes.set(u32be(secret.length), at);
    const from = at + 4;
    secret.use((part) => bytes.set(part, from));
    at = from + secret.length;
  }
  const key = new Secret(bytes);
  bytes.fill(0);
  return key;
}

function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  return concat(u32be(bytes.length), bytes);
}
