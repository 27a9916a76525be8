import { toHex } from '@sekimori/bytes';
import { type Baseline, nearestBaseline } from '../baseline.ts';
import { MINIMUM_PCRS } from '../boot-record.ts';
import type { PcrDifference } from '../difference.ts';
import type { Finding, SubStatus } from '../finding.ts';
import type { QuotedBoot, Rule } from '../rule.ts';

/**
 * Every PCR of one active baseline is quoted with that value. Without a match, each PCR that differs from the nearest
 * baseline is a finding with its first event that differs. No active baseline is a finding. Microsoft: Hgs_SecureBootSettings
 * and Hgs_CiPolicy, the policies that fail unless something an administrator registered matches.
 */
export const matchesBaseline: Rule = {
  id: 'matches-baseline',
  check: ({ quote, log }, { baselines }) => {
    if (matchingBaseline(quote, baselines)) return [];
    const nearest = nearestBaseline(baselines, log);
    if (!nearest) return [refusal('SecureBootSettings', 'no baseline is active')];
    const { baseline, differences } = nearest;
    if (differences.length === 0)
      return [
        refusal('SecureBootSettings', `the baseline ${baseline.id} names too few PCRs`, { baselineId: baseline.id }),
      ];
    return differences.map((difference) => findingOf(difference, baseline));
  },
};

/** The baseline that a quote equals in every PCR it names, of those that name enough. */
export function matchingBaseline(quote: QuotedBoot, baselines: readonly Baseline[]): Baseline | undefined {
  return baselines.find(
    ({ bank, pcrs }) =>
      bank === quote.bank &&
      MINIMUM_PCRS.every((pcr) => Object.hasOwn(pcrs, pcr)) &&
      Object.entries(pcrs).every(([pcr, expected]) => {
        const value = quote.pcr(Number(pcr));
        return value !== undefined && toHex(value) === expected;
      }),
  );
}

function findingOf({ pcr, expected, actual, first, words }: PcrDifference, baseline: Baseline): Finding {
  const index = first?.actual?.index ?? first?.expected?.index;
  return refusal(subStatusOf(pcr), `${words} (baseline ${baseline.id})`, {
    pcr,
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
    ...(first && index !== undefined && { event: { index, ...first } }),
    baselineId: baseline.id,
  });
}

/** Command lines, initrd, kernel and extensions are code integrity; the rest is how the machine starts. */
function subStatusOf(pcr: number): SubStatus {
  return [8, 9, 11, 12, 13].includes(pcr) ? 'CodeIntegrityPolicy' : 'SecureBootSettings';
}

function refusal(subStatus: SubStatus, detail: string, more: Partial<Finding> = {}): Finding {
  return { rule: 'matches-baseline', effect: 'refuse', subStatus, detail, ...more };
}
