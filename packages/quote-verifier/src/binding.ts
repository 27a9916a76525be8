import { concat, u32be, utf8 } from '@sekimori/bytes';
import type { Crypto, Secret } from '@sekimori/crypto-core';

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

/** What a host answers to credential activation: proof of the secret, bound to the host and the attestation key's Name. */
export function activationProof(
  crypto: Crypto,
  secret: Secret,
  hostId: string,
  attestationKeyName: Uint8Array,
): Uint8Array {
  const parts = [utf8('sekimori-1 activation'), utf8(hostId), attestationKeyName];
  return crypto.hmac('sha256', secret, concat(...parts.map(lengthPrefixed)));
}

function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  return concat(u32be(bytes.length), bytes);
}
