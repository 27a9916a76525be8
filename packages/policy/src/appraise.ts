import type { Crypto } from '@sekimori/crypto-core';
import { type AcceptedLog, type Facts, factsOf, type LogFault } from '@sekimori/event-log';
import type { Result } from '@sekimori/result';
import { policyDigest } from './attestation-policy.ts';
import type { Finding } from './finding.ts';
import type { QuotedBoot, Reference, Rule } from './rule.ts';
import { clockSafe } from './rules/clock-safe.ts';
import { firmwareVersion } from './rules/firmware-version.ts';
import { fullBoot } from './rules/full-boot.ts';
import { kexecPossible } from './rules/kexec-possible.ts';
import { matchesBaseline, matchingBaseline } from './rules/matches-baseline.ts';
import { secureBootState } from './rules/secure-boot-state.ts';
import { uefiDebug } from './rules/uefi-debug.ts';

export type Rules = readonly [Rule, ...Rule[]];

/** What `measured` asks of a host, in the order of the report. */
export const MEASURED_RULES: Rules = [
  secureBootState,
  uefiDebug,
  fullBoot,
  matchesBaseline,
  kexecPossible,
  clockSafe,
  firmwareVersion,
];

interface Judged {
  /** Most telling first; remarks stand in a good Verdict too. */
  readonly findings: readonly Finding[];
  /** Lower-case hex. */
  readonly policyDigest: string;
  readonly policyVersion: number;
}

/** Plain JSON. Only a good one has a level. */
export type Verdict =
  | (Judged & {
      readonly good: true;
      readonly level: 'measured';
      readonly keyIsolation: 'none';
      readonly baselineId: string;
      readonly facts: Facts;
    })
  | (Judged & { readonly good: false; readonly facts?: Facts });

/** Evidence whose quote was verified, and what reconciling its log with that quote came to. */
export interface Subject {
  readonly quote: QuotedBoot;
  readonly log: Result<AcceptedLog, LogFault>;
}

/**
 * The Verdict, from the findings and from nothing else. A log that was not accepted, or that was accepted for another quote,
 * is a finding, and so is a boot that matches no active baseline, whichever rules are given.
 */
export function appraise(
  crypto: Pick<Crypto, 'hash'>,
  rules: Rules,
  { quote, log }: Subject,
  reference: Reference,
): Verdict {
  const { policy, baselines } = reference;
  const judged = { policyDigest: policyDigest(crypto, policy), policyVersion: policy.version };
  if (!log.ok) return { good: false, findings: [logFinding(log.fault)], ...judged };
  if (!log.value.explains(quote)) return { good: false, findings: [otherQuote], ...judged };
  const subject = { quote, log: log.value, facts: factsOf(log.value) };
  const all = rules.includes(matchesBaseline) ? rules : [...rules, matchesBaseline];
  const findings = all.flatMap((rule) => rule.check(subject, reference));
  const baseline = matchingBaseline(quote, baselines);
  if (baseline && findings.every((finding) => finding.effect === 'remark'))
    return {
      good: true,
      level: 'measured',
      keyIsolation: 'none',
      baselineId: baseline.id,
      findings,
      facts: subject.facts,
      ...judged,
    };
  return { good: false, findings, facts: subject.facts, ...judged };
}

const otherQuote: Finding = {
  rule: 'event-log',
  effect: 'refuse',
  subStatus: 'TcgLogVerification',
  detail: 'the log was accepted for another quote',
};

function logFinding({ code, detail, pcr, expected, actual }: LogFault): Finding {
  return {
    rule: 'event-log',
    effect: 'refuse',
    subStatus: 'TcgLogVerification',
    detail,
    code,
    ...(pcr !== undefined && { pcr }),
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
  };
}
