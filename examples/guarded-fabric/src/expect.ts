import type { CallFault } from '@sekimori/client';
import { describeFault, type Fault, type Result } from '@sekimori/result';
import { Refused, type Told } from './story.ts';

/** The value of a step that must hold; what refuses it carries its code into the report. */
export function granted<T>(outcome: Result<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Refused(codeOf(outcome.fault), describeFault(outcome.fault));
}

/** A refusal that must come, with exactly this code: `policy-denied`, or `evidence-refused/quote-signature` with its sub-status. */
export function refused(
  outcome: Result<unknown>,
  expected: string,
  lines: readonly string[] = [],
): { readonly value: Fault } & Told {
  if (outcome.ok) throw new Error(`expected ${expected}, and it was granted`);
  const code = codeOf(outcome.fault);
  if (code !== expected) throw new Refused(code, `expected ${expected}: ${describeFault(outcome.fault)}`);
  return { value: outcome.fault, fault: code, lines: [outcome.fault.detail, ...lines] };
}

function codeOf(fault: Fault): string {
  const { subStatus } = fault as Partial<CallFault>;
  return [fault.code, ...(subStatus ?? []).slice(0, 1)].join('/');
}
