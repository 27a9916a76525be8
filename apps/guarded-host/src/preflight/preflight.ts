import { toHex } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import { type EventLog, type LogFault, parseEventLog, readEvent, replay } from '@sekimori/event-log';
import { ok, type Result } from '@sekimori/result';
import { BANK, Draft, type Finding } from './draft.ts';
import type { BootEnvironment } from './environment.ts';
import { FORECAST_PCRS, forecast, type PcrForecast } from './forecast.ts';
import { draftNextBoot } from './next-boot.ts';
import { type ApprovedBoot, judge, type Judged, type LastAttestation } from './verdict.ts';

/** What `sekimori-host preflight --json` prints. */
export interface PreflightReport extends Judged {
  readonly bank: typeof BANK;
  readonly attestation: LastAttestation;
  readonly pcrs: readonly (PcrForecast & {
    /** Whether the last attestation quoted it; all where there was none. */
    readonly quoted: boolean;
  })[];
  readonly findings: readonly Finding[];
}

export interface PreflightInput {
  readonly crypto: Crypto;
  /** Of this boot, as the kernel gives it. */
  readonly eventLog: Uint8Array;
  /** The PCRs of the TPM now; left out where it cannot be asked. */
  readonly tpmPcrs?: ReadonlyMap<number, Uint8Array>;
  readonly environment: BootEnvironment;
  readonly attestation: LastAttestation;
  /** Those that the last attestation quoted. */
  readonly quoted?: readonly number[];
  readonly approved?: readonly ApprovedBoot[];
}

/**
 * Whether this host would pass after a reboot into what is on disk now, as far as that can be known. Changes nothing and asks
 * nobody. The faults are those of the log: without it nothing can be said.
 */
export async function preflight(input: PreflightInput): Promise<Result<PreflightReport, LogFault>> {
  const { crypto, environment, attestation, approved } = input;
  const log = parseEventLog(input.eventLog);
  if (!log.ok) return log;
  const replayed = replay(crypto, log.value, BANK);
  if (!replayed.ok) return replayed;
  const draft = new Draft(crypto, readEvents(crypto, log.value));
  if (input.tpmPcrs) compareWithTpm(draft, replayed.value, input.tpmPcrs);
  await draftNextBoot(draft, environment);
  const pcrs = forecast(draft, replayed.value);
  const isQuoted = ({ index }: PcrForecast) => input.quoted?.includes(index) ?? true;
  const judged = judge({
    pcrs: pcrs.filter(isQuoted),
    findings: draft.findings,
    attestation,
    ...(approved && { approved }),
  });
  return ok({
    ...judged,
    bank: BANK,
    attestation,
    pcrs: pcrs.map((pcr) => ({ ...pcr, quoted: isQuoted(pcr) })),
    findings: draft.findings,
  });
}

/** The replay made sure that each has a digest, but for events that are never extended. */
function readEvents(crypto: Crypto, { events }: EventLog) {
  return events.map((event) => readEvent(crypto, event, event.digests.get(BANK) ?? new Uint8Array(), BANK));
}

/** A log that does not give what the TPM holds says nothing of this boot, or something was extended behind it. */
function compareWithTpm(
  draft: Draft,
  replayed: ReadonlyMap<number, Uint8Array>,
  tpmPcrs: ReadonlyMap<number, Uint8Array>,
): void {
  for (const index of FORECAST_PCRS) {
    const [inLog, inTpm] = [replayed.get(index), tpmPcrs.get(index)];
    const isSame = toHex(inTpm ?? new Uint8Array()) === toHex(inLog ?? new Uint8Array(inTpm?.length ?? 0));
    if (isSame) continue;
    const detail =
      'the TPM holds another value than the log gives: it was extended by something that is not in the log';
    draft.find('log-mismatch', 'unknown', `PCR ${index}`, [index], detail);
  }
}
