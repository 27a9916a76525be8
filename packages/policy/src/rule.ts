import type { AcceptedLog, Facts, QuotedPcrs } from '@sekimori/event-log';
import type { AttestationPolicy } from './attestation-policy.ts';
import type { Baseline } from './baseline.ts';
import type { Finding } from './finding.ts';

/** What rules need of a VerifiedQuote; a quote that nobody verified must never get here. */
export interface QuotedBoot extends QuotedPcrs {
  readonly clock: {
    /** Milliseconds the TPM ran. */
    readonly clock: bigint;
    /** Rises at every TPM Reset, a cold boot. */
    readonly resetCount: number;
    /** Rises at every TPM Restart or Resume since the last Reset. */
    readonly restartCount: number;
    /** False where the TPM cannot rule out that its clock went back. */
    readonly safe: boolean;
  };
  /** In the vendor's form; `previous` as the TPM last told it. */
  readonly firmware?: { readonly version: bigint; readonly previous?: bigint };
}

/** One boot of one host, quote and log already known to belong together. */
export interface BootSubject {
  readonly quote: QuotedBoot;
  readonly log: AcceptedLog;
  readonly facts: Facts;
}

/** What a boot is measured against: the policy, and the baselines that are active now. */
export interface Reference {
  readonly policy: AttestationPolicy;
  readonly baselines: readonly Baseline[];
}

/** One check. No finding means nothing was found wrong; what a rule cannot decide is a finding. */
export interface Rule {
  /** Stable: operators and audit records use it. */
  readonly id: string;
  check(subject: BootSubject, reference: Reference): readonly Finding[];
}
