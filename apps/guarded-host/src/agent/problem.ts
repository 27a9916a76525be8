import { FAULTS, type Problem } from '@sekimori/protocol';
import type { Fault } from '@sekimori/result';
import { asCallFault } from '../faults.ts';

/**
 * The status of what a service refused, with the service's code and trace id: the agent asked in another's name. All other
 * faults are of this machine.
 */
export const REFUSED_BY_SERVICE = 502;
const CONFLICT = 409;
const UNAVAILABLE: ReadonlySet<string> = new Set(['outage', 'tpm-outage']);

/** RFC 9457, in the shape of the services. A fault keeps its code. */
export function agentProblem(fault: Fault, traceId: string): Problem {
  const { code, detail } = fault;
  const call = asCallFault(fault);
  const known = Object.hasOwn(FAULTS, code) ? FAULTS[code as keyof typeof FAULTS] : undefined;
  const own = UNAVAILABLE.has(code) ? 503 : (known?.status ?? CONFLICT);
  return {
    type: `urn:sekimori:fault:${code}`,
    title: known?.means ?? code,
    status: call ? REFUSED_BY_SERVICE : own,
    code,
    detail,
    traceId: call?.traceId ?? traceId,
    ...(call?.subStatus && { subStatus: [...call.subStatus] }),
  };
}
