export type {
  Activation,
  ActivationStore,
  Completion,
  CompletionFault,
  NewActivation,
  OpeningFault,
} from './activations.ts';
export type { AttestationStore } from './attestation-store.ts';
export {
  type Attestation,
  type AttestationFault,
  type AttestationLog,
  CLOCK_GRACE_MILLIS,
  type IssuedCertificate,
  type QuotedPcr,
  type RecordedAttestation,
  type Revocations,
  type VerdictRecord,
} from './attestations.ts';
export type { AuditDrafts, AuditStore } from './audit.ts';
export type {
  Approval,
  ApprovalFault,
  AttestationKey,
  EndorsementKey,
  Enrolment,
  EnrolmentFault,
  HostRecord,
  HostRevocation,
  HostState,
  HostStore,
  NewHost,
  TpmCounters,
  VerdictSummary,
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
