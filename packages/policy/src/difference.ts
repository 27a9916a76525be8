import { type BootRecord, pcrName, type RecordedEvent } from './boot-record.ts';

/** How two boots differ in one PCR. */
export interface PcrDifference {
  readonly pcr: number;
  /** PCR values, lower-case hex; absent where a side does not name the PCR. */
  readonly expected?: string;
  readonly actual?: string;
  /** The first measurement that differs; a side that ended before it has none. Absent where all events are equal. */
  readonly first?: { readonly expected?: RecordedEvent; readonly actual?: RecordedEvent };
  /** Measurements between the equal ones at the start and at the end. */
  readonly removed: readonly RecordedEvent[];
  readonly added: readonly RecordedEvent[];
  /** One sentence. */
  readonly words: string;
}

/**
 * The PCRs that tell most about why a boot is another one come first: Secure Boot, then what the operating system was given, and
 * images and firmware, which follow every change, after them.
 */
const TELLING = [7, 12, 11, 8, 9, 13, 14, 4, 0, 2, 3, 1, 5, 6];

/** Every PCR of `expected` that `actual` does not have with the same value, the most telling first. */
export function diffBoots(expected: BootRecord, actual: BootRecord): readonly PcrDifference[] {
  return differingPcrs(expected, actual).map((pcr) => differenceOf(pcr, expected, actual));
}

export function differingPcrs(expected: BootRecord, actual: BootRecord): readonly number[] {
  return Object.keys(expected.pcrs)
    .map(Number)
    .filter((pcr) => expected.bank !== actual.bank || expected.pcrs[pcr] !== actual.pcrs[pcr])
    .toSorted((a, b) => rank(a) - rank(b));
}

/** The measurements that two boots share from the start, over the PCRs that differ: the more, the nearer. */
export function sharedEvents(expected: BootRecord, actual: BootRecord, pcrs: readonly number[]): number {
  return pcrs.reduce((sum, pcr) => sum + prefixOf(eventsOf(expected, pcr), eventsOf(actual, pcr)), 0);
}

function differenceOf(pcr: number, expected: BootRecord, actual: BootRecord): PcrDifference {
  const [before, after] = [eventsOf(expected, pcr), eventsOf(actual, pcr)];
  const start = prefixOf(before, after);
  const end = prefixOf(before.slice(start).toReversed(), after.slice(start).toReversed());
  const [wanted, found] = [before[start], after[start]];
  const values = {
    ...(expected.pcrs[pcr] !== undefined && { expected: expected.pcrs[pcr] }),
    ...(actual.pcrs[pcr] !== undefined && { actual: actual.pcrs[pcr] }),
  };
  const first = (wanted || found) && { ...(wanted && { expected: wanted }), ...(found && { actual: found }) };
  return {
    pcr,
    ...values,
    ...(first && { first }),
    removed: before.slice(start, before.length - end),
    added: after.slice(start, after.length - end),
    words: `${pcrName(pcr)}: ${wordsOf(actual.pcrs[pcr], wanted, found)}`,
  };
}

function wordsOf(
  value: string | undefined,
  wanted: RecordedEvent | undefined,
  found: RecordedEvent | undefined,
): string {
  if (value === undefined) return 'is not there';
  if (wanted && found) {
    const same = wanted.description === found.description;
    const expected = same ? wanted.digest : `«${wanted.description}» ${wanted.digest}`;
    return `event ${found.index}, «${found.description}», has the digest ${found.digest}; expected ${expected}`;
  }
  if (found) return `event ${found.index}, «${found.description}» ${found.digest}, is more than expected`;
  if (wanted) return `«${wanted.description}» ${wanted.digest} is missing`;
  return 'the same events, and another start value or bank';
}

function prefixOf(a: readonly RecordedEvent[], b: readonly RecordedEvent[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length]?.digest === b[length]?.digest) length++;
  return length;
}

const chains = new WeakMap<BootRecord, ReadonlyMap<number, readonly RecordedEvent[]>>();

function eventsOf(record: BootRecord, pcr: number): readonly RecordedEvent[] {
  let byPcr = chains.get(record);
  if (!byPcr) chains.set(record, (byPcr = Map.groupBy(record.events, (event) => event.pcr)));
  return byPcr.get(pcr) ?? [];
}

function rank(pcr: number): number {
  const place = TELLING.indexOf(pcr);
  return place < 0 ? TELLING.length + pcr : place;
}
