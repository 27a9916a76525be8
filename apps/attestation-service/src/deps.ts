import type { Crypto, SigningKey } from '@sekimori/crypto-core';
import type { Certificate, ChainCache } from '@sekimori/pki';
import type { Clock } from '@sekimori/service-kit';
import type { AttestationStore } from '@sekimori/store';
import type { ChallengeKey } from './challenge/challenge.ts';

/** What certifies health keys: a CA of its own below the server CA. */
export interface AttestationSigner {
  readonly key: SigningKey;
  readonly certificate: Certificate;
  /** The server CA that issued it. */
  readonly ca: Certificate;
}

export interface AttestationSettings {
  readonly serviceId: string;
  /** Whom the health certificates are for: key protection services check it. */
  readonly audience: string;
  /** The host group that certificates name. */
  readonly group: string;
  /** Seconds from challenge to use. */
  readonly challengeSeconds: number;
  /** Seconds from opening an activation to its proof. */
  readonly activationSeconds: number;
  /** Seconds that a health certificate lives, from the challenge on. */
  readonly certificateSeconds: number;
  /** Hosts that may wait for approval at one time. */
  readonly maxPendingHosts: number;
  /** Seconds that a host may wait for approval. */
  readonly pendingSeconds: number;
  /** The PCRs every host must quote, of the SHA-256 bank. With 10 among them, every host must send its list of IMA. */
  readonly pcrs: readonly number[];
  readonly version: string;
  readonly insecure: readonly string[];
}

/** Everything the use cases touch. */
export interface AttestationDeps {
  readonly crypto: Crypto;
  readonly store: AttestationStore;
  readonly clock: Clock;
  readonly challengeKey: ChallengeKey;
  readonly signer: AttestationSigner;
  readonly settings: AttestationSettings;
  /** Vendor chains validated before. */
  readonly chains: ChainCache;
}
