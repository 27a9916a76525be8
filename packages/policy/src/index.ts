export { appraise, MEASURED_RULES, type Rules, type Subject, type Verdict } from './appraise.ts';
export { type AttestationPolicy, parseAttestationPolicy, policyDigest } from './attestation-policy.ts';
export {
  type Baseline,
  BASELINE_SCHEMA,
  type BaselineLabel,
  captureBaseline,
  diffBaseline,
  type Nearest,
  nearestBaseline,
  parseBaseline,
} from './baseline.ts';
export {
  BASELINE_PCRS,
  type BootRecord,
  bootRecordOf,
  MINIMUM_PCRS,
  pcrName,
  type RecordedEvent,
} from './boot-record.ts';
export { diffBoots, type PcrDifference } from './difference.ts';
export type { Finding, SubStatus } from './finding.ts';
export type { BootSubject, QuotedBoot, Reference, Rule } from './rule.ts';
export { clockSafe } from './rules/clock-safe.ts';
export { firmwareVersion } from './rules/firmware-version.ts';
export { fullBoot } from './rules/full-boot.ts';
export { kexecPossible } from './rules/kexec-possible.ts';
export { matchesBaseline, matchingBaseline } from './rules/matches-baseline.ts';
export { secureBootState } from './rules/secure-boot-state.ts';
export { uefiDebug } from './rules/uefi-debug.ts';
