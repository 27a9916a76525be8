import type { RecordedEvent } from './boot-record.ts';

/**
 * What a finding means to a host: Microsoft's sub-status names where one exists. `KexecPossible`, `TpmClock` and `TpmFirmware` are ours.
 * PCRs of code that the operating system loads map to CodeIntegrityPolicy, all others to SecureBootSettings.
 */
export type SubStatus =
  | 'SecureBoot'
  | 'SecureBootSettings'
  | 'CodeIntegrityPolicy'
  | 'DebugMode'
  | 'FullBoot'
  | 'TcgLogVerification'
  | 'KexecPossible'
  | 'TpmClock'
  | 'TpmFirmware';

/** Something a rule saw. Every word of it is for operators; a host is told `subStatus` at most. */
export interface Finding {
  /** Stable: operators and audit records use it. */
  readonly rule: string;
  /** One `refuse` makes the Verdict bad; a `remark` is told and decides nothing. */
  readonly effect: 'refuse' | 'remark';
  readonly subStatus: SubStatus;
  readonly detail: string;
  /** The code of the fault behind the finding, where there is one. */
  readonly code?: string;
  readonly pcr?: number;
  /** PCR or other values, lower-case hex. */
  readonly expected?: string;
  readonly actual?: string;
  /** The first event that differs: absent on the side that has none there. */
  readonly event?: { readonly index: number; readonly expected?: RecordedEvent; readonly actual?: RecordedEvent };
  /** The baseline the finding compares with. */
  readonly baselineId?: string;
}
