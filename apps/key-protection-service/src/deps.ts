import type { Crypto } from '@sekimori/crypto-core';
import type { Level } from '@sekimori/health-certificate';
import type { GuardianCache, GuardianKeys } from '@sekimori/key-protector';
import type { Certificate } from '@sekimori/pki';
import type { Clock } from '@sekimori/service-kit';
import type { KeyProtectionStore } from '@sekimori/store';
import type { Revocations } from './revocations.ts';

/** Everything the use cases touch. */
export interface KeyProtectionDeps {
  readonly crypto: Crypto;
  readonly store: KeyProtectionStore;
  readonly clock: Clock;
  /** Enabled pairs, the primary first. */
  readonly guardians: readonly [GuardianKeys, ...GuardianKeys[]];
  /** Certificates and signatures of guardians that were verified before. */
  readonly cache: GuardianCache;
  /** The primary's metadata document, as it is published. */
  readonly metadata: Uint8Array;
  /** Trusted one by one; the CA above them proves nothing here. */
  readonly signers: readonly Certificate[];
  readonly revocations: Revocations;
  readonly settings: {
    readonly audience: string;
    readonly minimumLevel: Level;
    readonly version: string;
    readonly insecure: readonly string[];
  };
}
