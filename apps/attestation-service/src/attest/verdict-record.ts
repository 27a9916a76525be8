import { checkedJson, type JsonValue } from '@sekimori/audit-log';
import type { Finding } from '@sekimori/policy';
import type { VerdictShape } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import type { VerdictRecord } from '@sekimori/store';

/** The policy's findings, and those about evidence that never got to the policy: these carry a fault code as sub-status. */
export type KeptFinding = Omit<Finding, 'subStatus'> & { readonly subStatus: string };

/** A verdict as it is kept and shown, without what the store adds. */
export interface KeptVerdict {
  readonly traceId: string;
  readonly good: boolean;
  /** 'good', or the fault code that the host heard. */
  readonly code: string;
  readonly subStatus: readonly string[];
  readonly findings: readonly KeptFinding[];
  readonly baselineId?: string;
  readonly policyVersion: number;
  readonly policyDigest: string;
}

/** A finding more than these is not kept: what an operator reads, and what a row takes, is bounded. */
const MAX_FINDINGS = 100;

export function keptAsJson(verdict: KeptVerdict): JsonValue {
  const bounded = { ...verdict, findings: verdict.findings.slice(0, MAX_FINDINGS) };
  return JSON.parse(expectOk(checkedJson(bounded as unknown as JsonValue))) as JsonValue;
}

export function verdictOnWire({ at, logDigest, verdict }: VerdictRecord): VerdictShape {
  const kept = verdict as unknown as KeptVerdict; // only keptAsJson writes it
  return { at: at.toISOString(), ...kept, logDigest } as VerdictShape;
}
