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
export * from './attestation.ts';
export * from './key-protection.ts';
export { healthRoutes } from './health.ts';
export { type AuditEntry, AuditEntryShape, type Checkpoint, CheckpointShape } from './shared.ts';
