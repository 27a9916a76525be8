import { OutageError } from '@sekimori/client';
import type { Fault } from '@sekimori/result';
import { TpmOutageError } from './tpm-transport.ts';

/** Of what rejected: which outage it is, if it is one. */
export function outageCode(error: unknown): 'outage' | 'tpm-outage' | undefined {
  if (error instanceof OutageError) return 'outage';
  return error instanceof TpmOutageError ? 'tpm-outage' : undefined;
}

/** What rejected, as a fault. What nobody foresaw is `failed`. */
export function faultOf(error: unknown): Fault {
  return { code: outageCode(error) ?? 'failed', detail: error instanceof Error ? error.message : String(error) };
}
