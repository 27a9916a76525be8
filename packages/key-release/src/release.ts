import { equalConstantTime, toHex } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import type { HostId, VerifiedHealthCertificate } from '@sekimori/health-certificate';
import {
  type GuardianCache,
  type GuardianKeys,
  OpenedProtector,
  parseProtector,
  type ProtectorFault,
  rollProtector,
  VerifiedProtector,
} from '@sekimori/key-protector';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { type SealedKeysBinding, sealKeys } from './sealed-keys.ts';

export interface ReleaseDeps {
  readonly crypto: Crypto;
  /** All enabled pairs of this service, the primary first. An empty list opens nothing. */
  readonly guardians: readonly GuardianKeys[];
  /** One for the life of the service: spares most signature checks of protectors whose parties were seen before. */
  readonly cache?: GuardianCache;
}

export interface ReleaseRequest {
  /** Verified for this moment: chain, life, revocation, audience and floors. */
  readonly healthCertificate: VerifiedHealthCertificate;
  /** SHA-256 of the SubjectPublicKeyInfo of the key that the host's TLS connection proved. */
  readonly clientKeyHash: Uint8Array;
  /** The ingress protector, as it arrived. */
  readonly protector: Uint8Array;
}

/** What is kept of a release. Hashes and fingerprints in hex; never a key. */
export interface ReleaseRecord {
  readonly hostId: HostId;
  readonly certificateSerial: string;
  /**
   * SHA-256 of the ingress protector's canonical wrappings, which its guardian signature covers: the same for all documents
   * that say the same, while `ingressHash` is that of one document, as it arrived.
   */
  readonly protectorId: string;
  readonly ingressHash: string;
  readonly egressHash: string;
  /** Of the guardian whose keys opened the ingress protector. */
  readonly guardian: string;
  readonly owner: string;
}

export interface Release {
  readonly egressProtector: Uint8Array;
  readonly sealedKeys: Uint8Array;
  /** To be committed before anything of this is answered. */
  readonly record: ReleaseRecord;
}

/** `release-client-key`: the certificate was issued to another TLS key. The others are those of the protector. */
export type ReleaseFault =
  | Fault<'release-client-key' | 'protector-malformed' | 'protector-not-mine' | 'protector-not-opened'>
  | ProtectorFault;

/**
 * Gives a host the transport key of a protector and rolls it: everything that can be refused is refused before a private key
 * is used, and from the decryption on every refusal is the same. The ingress protector stays good, so that a host which got no
 * answer asks again. Rejects where a key store is out of reach.
 */
export async function releaseKeys(deps: ReleaseDeps, request: ReleaseRequest): Promise<Result<Release, ReleaseFault>> {
  const { crypto, guardians } = deps;
  const { healthCertificate } = request;
  if (!equalConstantTime(request.clientKeyHash, healthCertificate.claims.cnf))
    return fail('release-client-key', 'the health certificate was issued to another client key');
  const ingress = Uint8Array.from(request.protector); // ours: the same bytes are read, hashed and bound
  const parsed = parseProtector(ingress);
  if (!parsed.ok) return parsed;
  const verified = VerifiedProtector.verify(crypto, parsed.value, deps.cache);
  if (!verified.ok) return verified;
  const opened = await OpenedProtector.open(crypto, verified.value, guardians);
  if (!opened.ok) return opened;
  // here the owner's release policy will be asked, once protectors carry one
  const { transportKey, keys } = opened.value;
  try {
    const rolled = await rollProtector(crypto, opened.value);
    const binding: SealedKeysBinding = {
      ingressProtector: crypto.hash('sha256', ingress),
      egressProtector: crypto.hash('sha256', rolled.protector),
      healthCertificate: healthCertificate.digest(crypto),
    };
    const pair = { ingress: transportKey, egress: rolled.transportKey };
    const sealedKeys = sealKeys(crypto, healthCertificate.healthKey, pair, binding);
    rolled.transportKey.wipe();
    return ok({
      egressProtector: rolled.protector,
      sealedKeys,
      record: {
        hostId: healthCertificate.claims.hostId,
        certificateSerial: healthCertificate.serial,
        protectorId: toHex(crypto.hash('sha256', verified.value.signedOctets)),
        ingressHash: toHex(binding.ingressProtector),
        egressHash: toHex(binding.egressProtector),
        guardian: keys.guardian.fingerprint,
        owner: verified.value.owner.guardian.fingerprint,
      },
    });
  } finally {
    transportKey.wipe();
  }
}
