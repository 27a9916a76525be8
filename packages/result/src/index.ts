/**
 * An expected failure, as a value. Throw for a bug, reject for an outage, return a Fault for the rest.
 */
export interface Fault<Code extends string = string> {
  /** Stable, documented, safe to branch on. */
  readonly code: Code;
  /** For people; may change. Never holds a secret. */
  readonly detail: string;
  /** Where in the input, for example 'TPMS_ATTEST.attested.TPMS_QUOTE_INFO.pcrDigest@113'. */
  readonly at?: string;
  readonly cause?: Fault;
}

export type Ok<T> = { readonly ok: true; readonly value: T };
export type Failed<F extends Fault = Fault> = { readonly ok: false; readonly fault: F };
export type Result<T, F extends Fault = Fault> = Ok<T> | Failed<F>;

export function ok<T>(value: T): Ok<T> {
  return { ok: true, value };
}

/** `fail('stale-nonce', 'the challenge ended at 12:00', { at: 'body.challenge' })` */
export function fail<const Code extends string>(
  code: Code,
  detail: string,
  more: { readonly at?: string; readonly cause?: Fault } = {},
): Failed<Fault<Code>> {
  return { ok: false, fault: { code, detail, ...more } };
}

/** The value, where a fault would be a bug of ours (fixtures, constants, tests). Throws on a fault. */
export function expectOk<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Error(`unexpected fault ${describeFault(result.fault)}`);
}

/** One line for logs and people: code, place, detail, then the causes. */
export function describeFault(fault: Fault): string {
  const place = fault.at === undefined ? '' : ` at ${fault.at}`;
  const cause = fault.cause === undefined ? '' : ` (${describeFault(fault.cause)})`;
  return `${fault.code}${place}: ${fault.detail}${cause}`;
}
