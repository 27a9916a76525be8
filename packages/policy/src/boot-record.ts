import { toHex } from '@sekimori/bytes';
import type { HashName } from '@sekimori/crypto-core';
import { type AcceptedLog, describeEvent } from '@sekimori/event-log';

/** One measurement of a boot, as baselines keep it. */
export interface RecordedEvent {
  /** Place in the log it came from. */
  readonly index: number;
  readonly pcr: number;
  /** The TCG name of the type; a hint, as in the log. */
  readonly type: string;
  /** Lower-case hex, of the record's bank. */
  readonly digest: string;
  readonly description: string;
}

/** What two boots are compared by. PCR values decide; events explain. */
export interface BootRecord {
  readonly bank: HashName;
  /** PCR number to lower-case hex. */
  readonly pcrs: Readonly<Record<string, string>>;
  readonly events: readonly RecordedEvent[];
}

/**
 * PCRs of firmware, loader and operating system that do not grow once a host runs. 10 (IMA) does, and 15 to 23 are not the
 * boot's.
 */
export const BASELINE_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14] as const;

/**
 * What a baseline names at least, so that no program of the boot goes unnoticed: firmware code (0, 2), loaded images (4), Secure
 * Boot (7), command lines (8, 12), files and initrd (9), UKI (11), extensions (13), shim's keys (14). 1, 3, 5 and 6 hold
 * configuration, boot order and partitions.
 */
export const MINIMUM_PCRS = [0, 2, 4, 7, 8, 9, 11, 12, 13, 14] as const;

const MEANINGS: Readonly<Record<number, string>> = {
  0: 'firmware code',
  1: 'platform configuration',
  2: 'option ROM code',
  3: 'option ROM configuration',
  4: 'boot loader and kernel images',
  5: 'partition table and boot attempts',
  6: 'vendor',
  7: 'Secure Boot',
  8: 'GRUB commands and kernel command line',
  9: 'files of GRUB, initrd, load options',
  11: 'unified kernel image',
  12: 'kernel command line and credentials',
  13: 'system extensions',
  14: 'shim MOK lists',
};

/** `PCR 11 (unified kernel image)` */
export function pcrName(pcr: number): string {
  const meaning = MEANINGS[pcr];
  return meaning === undefined ? `PCR ${pcr}` : `PCR ${pcr} (${meaning})`;
}

/** The baseline PCRs of an accepted log, and their events. */
export function bootRecordOf(log: AcceptedLog): BootRecord {
  const pcrs: Record<string, string> = {};
  for (const pcr of BASELINE_PCRS) {
    const value = log.pcr(pcr);
    if (value) pcrs[pcr] = toHex(value);
  }
  const events = log.events
    .filter((event) => event.pcr in pcrs)
    .map((event) => ({
      index: event.index,
      pcr: event.pcr,
      type: event.typeName,
      digest: toHex(event.digest),
      description: describeEvent(event),
    }));
  return { bank: log.bank, pcrs, events };
}
