import { readFileSync } from 'node:fs';
import { EV, type EventLog, parseEventLog } from '@sekimori/event-log';
import { expectOk } from '@sekimori/result';

export const BOOTS = ['uki-snakeoil', 'uki-snakeoil-cmdline-changed', 'uki-snakeoil-initrd-changed'] as const;
export type BootName = (typeof BOOTS)[number];

/** A recorded boot of real firmware: see examples/boots. */
export interface RecordedBoot {
  readonly name: BootName;
  /** The event log, as the kernel gave it. */
  readonly bytes: Uint8Array;
  readonly log: EventLog;
  /** What the firmware, the loader and the kernel extended, in order. */
  readonly measurements: readonly { readonly pcr: number; readonly digest: Uint8Array }[];
  readonly commandLine: string;
}

export function recordedBoot(name: BootName): RecordedBoot {
  const file = (part: string) => readFileSync(new URL(`../../../boots/${name}/${part}`, import.meta.url));
  const bytes = Uint8Array.from(file('binary_bios_measurements'));
  const log = expectOk(parseEventLog(bytes));
  const measurements = log.events.flatMap(({ type, pcr, digests }) => {
    const digest = digests.get('sha256');
    return type === EV.EV_NO_ACTION || !digest ? [] : [{ pcr, digest }];
  });
  return { name, bytes, log, measurements, commandLine: file('cmdline').toString().trim() };
}
