import type { Failed, Fault } from '@sekimori/result';
import { LOG_LIMITS } from './structures.ts';

/** Why a log or a list was not believed. Stable, documented in the README of this package. */
export type LogFaultCode =
  // the bytes
  | 'log-empty'
  | 'log-too-large'
  | 'log-malformed'
  // the bank
  | 'log-bank-refused'
  | 'log-bank-missing'
  | 'log-digest-missing'
  | 'log-digest-capped'
  // replay against the quote
  | 'log-startup-locality'
  | 'log-pcr-not-quoted'
  | 'log-pcr-not-extended'
  | 'log-pcr-mismatch'
  // grammar
  | 'log-event-unexpected'
  | 'log-event-missing'
  | 'log-event-after-exit'
  | 'log-data-mismatch'
  | 'log-separator-missing'
  | 'log-separator-duplicate'
  | 'log-separator-invalid'
  | 'log-config-after-separator'
  | 'log-variable-duplicate'
  | 'log-uki-section-invalid'
  // the list of IMA
  | 'ima-empty'
  | 'ima-too-large'
  | 'ima-malformed'
  | 'ima-pcr-not-extended'
  | 'ima-pcr-mismatch'
  | 'ima-digest-mismatch';

/**
 * Values are lower-case hex. `event` is the index in the whole log, where the header is 0, or in the list of IMA. `pcr` is 0 to 23:
 * EV_NO_ACTION may name none.
 */
export interface LogFault extends Fault<LogFaultCode> {
  readonly event?: number;
  readonly pcr?: number;
  readonly expected?: string;
  readonly actual?: string;
}

export function logFault(code: LogFaultCode, detail: string, more: Omit<LogFault, 'code' | 'detail'> = {}): LogFault {
  return { code, detail, ...more };
}

export function refuse(
  code: LogFaultCode,
  detail: string,
  more: Omit<LogFault, 'code' | 'detail'> = {},
): Failed<LogFault> {
  return { ok: false, fault: logFault(code, detail, more) };
}

/** A fault of one event: its index and PCR stand in the fault and in its words. */
export function faultAt(
  event: { readonly index: number; readonly pcr: number },
  code: LogFaultCode,
  detail: string,
  more: { readonly expected?: string; readonly actual?: string } = {},
): LogFault {
  return logFault(code, `event ${event.index}, PCR ${event.pcr}: ${detail}`, { ...placeOf(event), ...more });
}

export function placeOf(event: { readonly index: number; readonly pcr: number }): Pick<LogFault, 'event' | 'pcr'> {
  return { event: event.index, ...(event.pcr < LOG_LIMITS.pcrs && { pcr: event.pcr }) };
}
