import { concat, equal } from '@sekimori/bytes';
import type { Infer } from '@sekimori/codec';
import type { HashName, Secret } from '@sekimori/crypto-core';
import type { TPMT_SYM_DEF } from '@sekimori/tpm2';
import { emptyPolicy } from './policy-digest.ts';
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
  /** Milliseconds of the TPM's time. */
  readonly startedAt: number;
  nonceTpm: Uint8Array;
  policy: PolicyState;
}

/** What a policy session has collected. Part 1, 19.7; it starts anew after each use. */
export interface PolicyState {
  digest: Uint8Array;
  /** The PCR update counter at TPM2_PolicyPCR. */
  pcrCounter?: number;
  commandCode?: number;
  /** Over the whole command, or over the Names in it: there is one such hash at most. */
  boundTo?: { readonly what: 'command' | 'names'; readonly hash: Uint8Array };
  /** TPMA_LOCALITY. */
  locality?: number;
  nvWritten?: boolean;
  /**
   * How the authorization of the entity is shown: in the HMAC (TPM2_PolicyAuthValue), or in its place (TPM2_PolicyPassword). The
   * later of the two counts.
   */
  shows?: 'authValue' | 'password';
  /** TPM2_PolicySecret or TPM2_PolicySigned with an expiration: milliseconds of the TPM's time. */
  expiresAt?: number;
}

export function freshPolicy(hash: HashName): PolicyState {
  return { digest: emptyPolicy(hash) };
}

/** What a session bound to this entity would keep. Part 1, 19.6.8. */
export function bindingOf(entity: Entity): Uint8Array {
  return authOf(entity).use((auth) => concat(nameOfEntity(entity), auth));
}

export function isBoundTo(session: Session, entity: Entity): boolean {
  return session.bound !== undefined && equal(session.bound, bindingOf(entity));
}
