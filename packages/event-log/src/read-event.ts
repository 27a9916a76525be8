import { toHex, utf8 } from '@sekimori/bytes';
import type { Crypto, HashName } from '@sekimori/crypto-core';
import { type Content, contentOf } from './content.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import { EV } from './event-types.ts';
import type { LogEvent } from './log.ts';

/** An event with its digest in one bank, what its data says, and how far the digest vouches for that. */
export interface ReadEvent extends LogEvent {
  readonly digest: Uint8Array;
  readonly content: Content;
  readonly coverage: Coverage;
  /** What the digest alone shows, whatever the type says: one of the fixed values that firmware measures. */
  readonly known?: KnownMeasurement;
}

export interface KnownMeasurement {
  readonly type: number;
  readonly text: string;
}

export const SEPARATOR_ZEROS = 'separator (zeros)';
export const SEPARATOR_ONES = 'separator (ones)';
export const SEPARATOR_ERROR = 'separator that stands for an error';
export const ACTIONS = {
  calling: 'Calling EFI Application from Boot Option',
  returning: 'Returning from EFI Application from Boot Option',
  exitInvocation: 'Exit Boot Services Invocation',
  exitFailure: 'Exit Boot Services Returned with Failure',
  exitSuccess: 'Exit Boot Services Returned with Success',
  debugMode: 'UEFI Debug Mode',
  dmaDisabled: 'DMA Protection Disabled',
} as const;

export function readEvent(
  crypto: Pick<Crypto, 'hash'>,
  event: LogEvent,
  digest: Uint8Array,
  bank: HashName,
): ReadEvent {
  const content = contentOf(event);
  const coverage = coverageOf(crypto, event, bank, content);
  const known = knownMeasurements(crypto, bank).get(toHex(digest));
  return { ...event, digest, content, coverage, ...(known && { known }) };
}

const cache = new WeakMap<object, Map<HashName, ReadonlyMap<string, KnownMeasurement>>>();

/** Digest to meaning. Only what is looked up by digest can be trusted: the type beside it is the host's word. */
function knownMeasurements(crypto: Pick<Crypto, 'hash'>, bank: HashName): ReadonlyMap<string, KnownMeasurement> {
  const banks = cache.get(crypto) ?? new Map<HashName, ReadonlyMap<string, KnownMeasurement>>();
  cache.set(crypto, banks);
  const found = banks.get(bank);
  if (found) return found;
  const table = new Map<string, KnownMeasurement>();
  const add = (data: Uint8Array, type: number, text: string) =>
    table.set(toHex(crypto.hash(bank, data)), { type, text });
  add(Uint8Array.of(0, 0, 0, 0), EV.EV_SEPARATOR, SEPARATOR_ZEROS);
  add(Uint8Array.of(255, 255, 255, 255), EV.EV_SEPARATOR, SEPARATOR_ONES);
  add(Uint8Array.of(1, 0, 0, 0), EV.EV_SEPARATOR, SEPARATOR_ERROR);
  for (const text of Object.values(ACTIONS)) {
    add(utf8(text), EV.EV_EFI_ACTION, text);
    add(utf8(`${text}\0`), EV.EV_EFI_ACTION, text); // a few firmwares hash the NUL
  }
  add(utf8('BOOT ATTEMPTS OMITTED'), EV.EV_OMIT_BOOT_DEVICE_EVENTS, 'BOOT ATTEMPTS OMITTED');
  banks.set(bank, table);
  return table;
}
