import type { AuditDraft } from '@sekimori/audit-log';
import type { Fault, Result } from '@sekimori/result';
import type { AttestationKey, HostRecord } from './hosts.ts';

export interface Activation {
  /** Unguessable; made by the caller. */
  readonly activationId: string;
  readonly hostId: string;
  readonly attestationKey: AttestationKey;
  readonly expiresAt: Date;
}

/** Opens credential activation (TPM 2.0 Part 1, 24). */
export interface NewActivation extends Activation {
  /**
   * SHA-256 of the proof that the host has to give, 64 lower-case hex digits. The caller knows the proof when it makes the
   * credential; neither the secret nor the proof is stored, so the database cannot complete an activation.
   */
  readonly proofHash: string;
}
/** Of one host at one time. */
export const OPEN_ACTIVATIONS = 4;

export type OpeningFault = Fault<'unknown-host' | 'host-not-approved'>;

export interface Completion {
  readonly activationId: string;
  /** SHA-256 of the proof that was given. */
  readonly proofHash: string;
  readonly at: Date;
  /** `failed` is written for a host once a minute at most, and neither for an unknown activation. */
  readonly audit: { readonly completed: AuditDraft; readonly failed: AuditDraft };
}
export type CompletionFault = Fault<
  | 'unknown-activation'
  | 'activation-expired'
  | 'activation-failed'
  | 'host-not-approved'
  | 'duplicate-attestation-key'
  | 'duplicate-ek'
>;

export interface ActivationStore {
  /**
   * One host has one open activation for each attestation key, up to `OPEN_ACTIVATIONS`: the one that ends first gives way.
   * Only an approved host without an attestation key has any.
   * No audit entry: nothing is decided yet, and anyone who knows a host's id can ask.
   */
  openActivation(command: NewActivation): Promise<Result<Activation, OpeningFault>>;
  /** For the audit's subject; `completeActivation` alone decides. */
  activation(activationId: string): Promise<Activation | undefined>;
  /**
   * Consumes this activation whatever comes of it, and on a right proof sets the attestation key where there was none, binds
   * all endorsement keys and forgets the hosts that wait with one of them: in one transaction. Of callers at the same moment one gets the host, the others `unknown-activation`.
   */
  completeActivation(command: Completion): Promise<Result<HostRecord, CompletionFault>>;
}
