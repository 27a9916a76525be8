import { concat, equal } from '@sekimori/bytes';
import type { Infer } from '@sekimori/codec';
import type { Crypto, HashName, Secret } from '@sekimori/crypto-core';
import { PolicyDigest, type TPMT_SYM_DEF } from '@sekimori/tpm2';
import { type Entity, authOf, nameOfEntity } from './entities.ts';

export type SymmetricDefinition = Infer<typeof TPMT_SYM_DEF>;

/** An authorization session. Part 1, 19. */
export interface Session {
  readonly handle: number;
  readonly type: 'hmac' | 'policy' | 'trial';
  readonly hash: HashName;
  readonly symmetric: SymmetricDefinition;
  /** Empty for a session that is neither salted nor bound. */
  readonly key: Secret;
  /** Of a bound session: the entity's Name and authorization at that time. */
  readonly bound: Uint8Array | undefined;
  nonceTpm: Uint8Array;
  policy: PolicyState;
}

/** What a policy session has collected. Part 1, 19.7; it starts anew after each use. */
export interface PolicyState {
  digest: PolicyDigest;
  /** The PCR update counter at TPM2_PolicyPCR. */
  pcrCounter?: number;
  commandCode?: number;
  cpHash?: Uint8Array;
  /** TPM2_PolicyAuthValue: the HMAC shows knowledge of the authorization too. */
  needsAuthValue: boolean;
  /** TPM2_PolicySecret with an expiration: milliseconds of the TPM's time. */
  expiresAt?: number;
}

export function freshPolicy(crypto: Crypto, hash: HashName): PolicyState {
  return { digest: PolicyDigest.start(crypto, hash), needsAuthValue: false };
}

/** What a session bound to this entity would keep. Part 1, 19.6.8. */
export function bindingOf(entity: Entity): Uint8Array {
  return authOf(entity).use((auth) => concat(nameOfEntity(entity), auth));
}

export function isBoundTo(session: Session, entity: Entity): boolean {
  return session.bound !== undefined && equal(session.bound, bindingOf(entity));
}
