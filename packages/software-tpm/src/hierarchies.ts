import { type Crypto, type PrivateKey, Secret } from '@sekimori/crypto-core';
import { TPM_RH } from '@sekimori/tpm2';

export type HierarchyName = 'owner' | 'endorsement' | 'platform' | 'null' | 'lockout';
export const HIERARCHY_NAMES = ['owner', 'endorsement', 'platform', 'null', 'lockout'] as const;

/** A hierarchy: all of its keys follow from one seed. Part 1, 14. `lockout` has an authorization and no keys. */
export interface Hierarchy {
  readonly name: HierarchyName;
  readonly handle: number;
  seed: Secret;
  /** Keys the tickets and the obfuscation of counters. */
  proof: Secret;
  auth: Secret;
  /** RSA keys are made once and kept by template, since deriving primes from the seed would take seconds. */
  readonly rsaKeys: Map<string, PrivateKey>;
}

const SEED_LENGTH = 64;

export function createHierarchy(crypto: Crypto, name: HierarchyName): Hierarchy {
  return {
    name,
    handle: TPM_RH[name],
    seed: new Secret(crypto.random(SEED_LENGTH)),
    proof: new Secret(crypto.random(SEED_LENGTH)),
    auth: new Secret(new Uint8Array(0)),
    rsaKeys: new Map(),
  };
}

/** TPM Reset of the NULL hierarchy: its keys, tickets and sealed things are gone. */
export function renewHierarchy(crypto: Crypto, hierarchy: Hierarchy): void {
  hierarchy.seed.wipe();
  hierarchy.proof.wipe();
  hierarchy.seed = new Secret(crypto.random(SEED_LENGTH));
  hierarchy.proof = new Secret(crypto.random(SEED_LENGTH));
  hierarchy.rsaKeys.clear();
}
