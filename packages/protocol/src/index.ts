export { FAULTS, type FaultCode, faultInfo } from './faults.ts';
export { type Problem, problemSchema } from './problem.ts';
export {
  type AnyRoute,
  type BodyOf,
  type ParamsOf,
  type QueryOf,
  type ReplyOf,
  type Role,
  ROLES,
  route,
} from './route.ts';
export { attestationRoutes } from './attestation.ts';
export {
  ActivationReply,
  ActivationRequest,
  AttestReply,
  AttestRequest,
  AttestationStatus,
  AuditPage,
  BaselineShape,
  ChallengeReply,
  EnrolRequest,
  FindingShape,
  HostDetail,
  HostState,
  HostStatus,
  ImaShape,
  PolicyShape,
  RetireReply,
  SetPolicyReply,
  TpmRootShape,
  VerdictShape,
} from './attestation-shapes.ts';
export * from './key-protection.ts';
export { healthRoutes } from './health.ts';
export { type AuditEntry, AuditEntryShape, type Checkpoint, CheckpointShape } from './shared.ts';
