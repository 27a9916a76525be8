import { type FaultCode, faultInfo, type Problem } from '@sekimori/protocol';
import type { Fault } from '@sekimori/result';

/** What a handler refuses with: a listed code and, where checks have names, the names of those that failed. */
export interface RefusalFault<Code extends string = FaultCode> extends Fault<Code> {
  readonly subStatus?: readonly string[];
}

/** RFC 9457. An internal fault tells nothing but its trace id. */
export function problemOf(fault: RefusalFault<string>, traceId: string): Problem {
  const { code, status, means, todo } = faultInfo(fault.code);
  return {
    type: `urn:sekimori:fault:${code}`,
    title: means,
    status,
    code,
    detail: code === 'internal' ? todo : fault.detail,
    traceId,
    ...(fault.subStatus && code !== 'internal' ? { subStatus: [...fault.subStatus] } : {}),
  };
}

/** The server framework's own refusals; undefined for any other error, which is a bug or an outage of ours. */
export function faultOfError(error: unknown): RefusalFault | undefined {
  const { code, validation, validationContext } = error as {
    code?: unknown;
    validation?: readonly Invalid[];
    validationContext?: string;
  };
  if (validation)
    return { code: 'malformed-request', detail: describeInvalid(validationContext ?? 'request', validation) };
  return typeof code === 'string' && Object.hasOwn(FRAMEWORK_FAULTS, code) ? FRAMEWORK_FAULTS[code] : undefined;
}

const FRAMEWORK_FAULTS: Readonly<Record<string, RefusalFault>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'unsupported-media-type', detail: 'this route takes application/json' },
  FST_ERR_BAD_URL: { code: 'malformed-request', detail: 'the address is not well formed' },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'not-found', detail: 'there is no such route' },
};

/** One error of Ajv. */
interface Invalid {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Field names and the schema's own words; values never. */
function describeInvalid(context: string, [first]: readonly Invalid[]): string {
  if (!first) return `${context} is not what the schema says`;
  const place = fieldName(`${context === 'querystring' ? 'query' : context}${first.instancePath.replaceAll('/', '.')}`);
  if (first.keyword === 'additionalProperties')
    return `${place}: unknown field '${fieldName(String(first.params['additionalProperty']))}'`;
  return `${place}: ${first.message ?? first.keyword}`;
}

function fieldName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_.-]/g, '?').slice(0, 100);
}
