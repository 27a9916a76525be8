import type { Finding } from './draft.ts';
import type { PcrForecast } from './forecast.ts';

/** How the last attestation ended, and whether it was of this very boot. */
export type LastAttestation =
  | { readonly outcome: 'passed' | 'refused'; readonly at: string; readonly code: string }
  /** None in this boot, or it cannot be told. */
  | { readonly outcome: 'unknown'; readonly why: string };

/** PCR values that an administrator approved: PCR to lower-case hex. */
export interface ApprovedBoot {
  readonly name: string;
  readonly pcrs: ReadonlyMap<number, string>;
}

export interface Judged {
  readonly verdict: 'would-pass' | 'would-not' | 'unknown';
  /** A sentence. */
  readonly reason: string;
}

/**
 * Never better than what is known. `would-pass`: nothing changes and this boot passed, or the next one is an approved boot; the
 * policy may still change. `would-not`: it will not start, is refused as this boot is, or is none of the approved ones. Where PCRs
 * change and nobody said which boots are approved it is `unknown`: the attestation service alone knows that.
 */
export function judge(facts: {
  /** Those that the policy asks for. */
  readonly pcrs: readonly PcrForecast[];
  readonly findings: readonly Finding[];
  readonly attestation: LastAttestation;
  readonly approved?: readonly ApprovedBoot[];
}): Judged {
  const { pcrs, findings, attestation, approved } = facts;
  const refused = findings.find(({ effect }) => effect === 'refused');
  if (refused) return { verdict: 'would-not', reason: `${refused.subject}: ${refused.detail}` };
  const changing = numbers(pcrs, 'changes');
  const doubtful = numbers(pcrs, 'unknown');
  if (changing === '' && doubtful === '') return judgeUnchanged(attestation);
  const among = approved && judgeByApproved(pcrs, approved);
  if (among) return among;
  if (doubtful !== '') return { verdict: 'unknown', reason: `PCRs ${doubtful} cannot be told` };
  const advice = "passes if an approved boot has these values: compare them, or give them with '--approved'";
  return { verdict: 'unknown', reason: `PCRs ${changing} change; ${advice}` };
}

function judgeUnchanged(attestation: LastAttestation): Judged {
  switch (attestation.outcome) {
    case 'passed':
      return { verdict: 'would-pass', reason: 'this boot passed and nothing changes, as long as the policy stays' };
    case 'refused':
      return { verdict: 'would-not', reason: `this boot was refused (${attestation.code}) and nothing changes` };
    default:
      return { verdict: 'unknown', reason: `nothing changes, but ${attestation.why}` };
  }
}

/** Undefined where what is known fits one of them, and a part is not known. */
function judgeByApproved(pcrs: readonly PcrForecast[], approved: readonly ApprovedBoot[]): Judged | undefined {
  const values = new Map(
    pcrs.map(({ index, state, now, next }) => [index, state === 'unknown' ? undefined : (next ?? now)]),
  );
  const fits = (boot: ApprovedBoot, isFit: (value: string | undefined, wanted: string) => boolean) =>
    boot.pcrs.size > 0 && [...boot.pcrs].every(([index, wanted]) => isFit(values.get(index), wanted));
  const known = approved.find((boot) => fits(boot, (value, wanted) => value === wanted));
  if (known)
    return { verdict: 'would-pass', reason: `it is the approved boot ${known.name}, as long as the policy stays` };
  const possible = approved.some((boot) => fits(boot, (value, wanted) => value === undefined || value === wanted));
  return possible ? undefined : { verdict: 'would-not', reason: 'it is none of the approved boots' };
}

function numbers(pcrs: readonly PcrForecast[], state: PcrForecast['state']): string {
  return pcrs
    .filter((pcr) => pcr.state === state)
    .map(({ index }) => index)
    .join(', ');
}
