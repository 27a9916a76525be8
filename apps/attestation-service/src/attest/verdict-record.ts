import { checkedJson, type JsonValue } from '@sekimori/audit-log';
import type { Finding } from '@sekimori/policy';
import { FindingShape, type ImaShape, type VerdictShape } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import type { VerdictRecord } from '@sekimori/store';
import { Value } from 'typebox/value';

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
  readonly ima?: ImaShape;
}

/** More findings than these, and longer words, are not kept: what an operator reads, and what a row takes, is bounded. */
const MAX_FINDINGS = 100;
const MAX_WORDS = 2000;

/** Never throws for what a host sent: what a log says stands in findings, and a refusal must be recorded whatever it says. */
export function keptAsJson(verdict: KeptVerdict): JsonValue {
  const bounded = { ...verdict, findings: verdict.findings.slice(0, MAX_FINDINGS).map(keptFinding) };
  return JSON.parse(expectOk(checkedJson(bounded))) as JsonValue;
}

/** As operators can be shown it, or at least that there was one. */
function keptFinding(finding: KeptFinding): KeptFinding {
  const bounded = boundedWords(finding) as KeptFinding;
  if (Value.Check(FindingShape, bounded) && checkedJson(bounded).ok) return bounded;
  const { rule, effect, subStatus } = finding; // ours
  return { rule, effect, subStatus, detail: 'a finding that cannot be kept as it is' };
}

function boundedWords(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, MAX_WORDS).toWellFormed();
  if (Array.isArray(value)) return value.map(boundedWords);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, boundedWords(each)]));
}

export function verdictOnWire({ at, logDigest, pcrs, verdict }: VerdictRecord): VerdictShape {
  const kept = verdict as unknown as KeptVerdict; // only keptAsJson writes it
  return {
    at: at.toISOString(),
    ...kept,
    pcrs: pcrs.map(({ index, value }) => ({ index, value })),
    logDigest,
  } as VerdictShape;
}
