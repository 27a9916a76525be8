export {
  type Activation,
  type ActivationStore,
  type Completion,
  type CompletionFault,
  type NewActivation,
  OPEN_ACTIVATIONS,
  type OpeningFault,
} from './activations.ts';
export type { AttestationStore } from './attestation-store.ts';
export {
  type Attestation,
  type AttestationFault,
  type AttestationLog,
  type AttestationOutcome,
  CLOCK_GRACE_MILLIS,
  type Denial,
  type IssuedCertificate,
  KEPT_VERDICTS,
  type QuotedPcr,
  type RecordedAttestation,
  type Revocations,
  type RevokedHost,
  type VerdictRecord,
} from './attestations.ts';
export type { AuditDrafts, AuditStore } from './audit.ts';
export {
  type Approval,
  type ApprovalFault,
  type AttestationKey,
  type EndorsementKey,
  type Enrolment,
  type EnrolmentFault,
  type HostRecord,
  type HostRemoval,
  type HostRevocation,
  type HostState,
  type HostStore,
  type NewHost,
  PENDING_PER_KEY,
  type TpmCounters,
  type VerdictSummary,
} from './hosts.ts';
export type {
  GuardianRecord,
  KeyProtectionStore,
  NewGuardian,
  NewRelease,
  ReleaseRecord,
} from './key-protection-store.ts';
export { memoryAttestationStore } from './memory/attestation-store.ts';
export { memoryKeyProtectionStore } from './memory/key-protection-store.ts';
export { MAX_PAGE, pageLimit } from './paging.ts';
export type { AttestationPolicy, BaselineRecord, NewBaseline, NewTpmRoot, PolicyStore, TpmRoot } from './policy.ts';
export * as transitions from './transitions.ts';
