import { equal, isAllZero } from '@sekimori/bytes';
import { type Codec, decode, decodePrefix, type Reader } from '@sekimori/codec';
import { describeFault, ok, type Result } from '@sekimori/result';
import { algorithmOf, type BankName } from './algorithms.ts';
import { EV, eventTypeName } from './event-types.ts';
import { type LogFault, refuse } from './fault.ts';
import { LOG_LIMITS, SPEC_ID_EVENT03, type SpecIdEvent, TCG_PCR_EVENT, TCG_SPEC_ID_EVENT } from './structures.ts';

/** One record as it stands in the log. Nothing in it is believed before a replay equals a quote. */
export interface LogEvent {
  /** Place in the log; the header is 0. */
  readonly index: number;
  /** Bytes from the start of the log. */
  readonly offset: number;
  readonly pcr: number;
  readonly type: number;
  readonly typeName: string;
  /** By bank; a bank that the header lists may be absent (Windows logs one bank after the OS loader). */
  readonly digests: ReadonlyMap<BankName, Uint8Array>;
  readonly data: Uint8Array;
}

export interface EventLog {
  readonly format: 'crypto-agile' | 'sha1';
  /** In the header's order. */
  readonly banks: readonly BankName[];
  /** Of a crypto-agile log. */
  readonly header?: SpecIdEvent;
  readonly events: readonly LogEvent[];
  /** Bytes up to the end of the last event; what follows is padding. */
  readonly length: number;
}

/**
 * A TCG event log as the kernel gives it: crypto-agile, or SHA-1 throughout. PC Client Platform Firmware Profile 1.06, section
 * 10. Total, bounded by LOG_LIMITS, and works on its own copy. Zero or FF bytes may pad the end, nothing else may.
 *
 * Faults: `log-empty`, `log-too-large`, `log-malformed` (with the place in `at`).
 */
export function parseEventLog(bytes: Uint8Array): Result<EventLog, LogFault> {
  if (bytes.length > LOG_LIMITS.bytes)
    return refuse('log-too-large', `${bytes.length} bytes, at most ${LOG_LIMITS.bytes}`);
  const padding = paddingOf(bytes);
  if (padding === 0) return refuse('log-empty', 'the log has no event');
  const decoded = decode(eventLog(padding), bytes);
  if (decoded.ok) return ok(decoded.value);
  return refuse('log-malformed', decoded.fault.detail, decoded.fault.at === undefined ? {} : { at: decoded.fault.at });
}

/** Where the run of equal 00 or FF bytes at the end begins. An event may end inside it; none may begin there. */
function paddingOf(bytes: Uint8Array): number {
  const last = bytes.at(-1);
  if (last !== 0 && last !== 0xff) return bytes.length;
  let start = bytes.length;
  while (start > 0 && bytes[start - 1] === last) start--;
  return start;
}

function eventLog(padding: number): Codec<EventLog> {
  return {
    name: 'TCG event log',
    read: (reader) => {
      const first = TCG_PCR_EVENT.read(reader);
      const sha1 = (index: number, offset: number, record: typeof first): LogEvent =>
        measured(reader, { ...record, index, offset, digests: new Map([['sha1', record.digest]]) });
      if (!startsWith(first.event, SPEC_ID_EVENT03)) {
        const events = [sha1(0, 0, first)];
        const length = readAll(reader, padding, events, (index, offset) =>
          sha1(index, offset, TCG_PCR_EVENT.read(reader)),
        );
        return { format: 'sha1', banks: ['sha1'], events, length };
      }
      const header = specIdOf(reader, first);
      const banks = header.algorithms.map((algorithm) => algorithm.name);
      const events = [sha1(0, 0, first)];
      const length = readAll(reader, padding, events, (index, offset) =>
        cryptoAgileEvent(reader, banks, index, offset),
      );
      return { format: 'crypto-agile', banks, header, events, length };
    },
    write: () => {
      throw new Error('logs are only read');
    },
  };
}

/** Gives where the events end. */
function readAll(
  reader: Reader,
  padding: number,
  events: LogEvent[],
  next: (index: number, offset: number) => LogEvent,
): number {
  while (reader.remaining > 0 && reader.offset < padding) {
    if (events.length === LOG_LIMITS.events) reader.stop(`more than ${LOG_LIMITS.events} events`);
    events.push(next(events.length, reader.offset));
  }
  const length = reader.offset;
  reader.take(reader.remaining);
  return length;
}

/**
 * The header's own rules. PFP 1.06, 10.4.5.1: PCR 0, EV_NO_ACTION, digest of zeros, each algorithm once. Some firmware leaves
 * the vendor information out of the event's size; it then follows the event, and is no event itself.
 */
function specIdOf(
  reader: Reader,
  first: { pcrIndex: number; eventType: number; digest: Uint8Array; event: Uint8Array },
): SpecIdEvent {
  if (first.pcrIndex !== 0 || first.eventType !== EV.EV_NO_ACTION || !isAllZero(first.digest))
    reader.stop('the Spec ID event is not an EV_NO_ACTION of PCR 0 with a digest of zeros', 0);
  const header = decodePrefix(TCG_SPEC_ID_EVENT, first.event);
  if (!header.ok) return reader.stop(describeFault(header.fault), 32);
  const { algorithms, uintnSize, vendorInfoSize } = header.value.value;
  if (algorithms.length === 0) reader.stop('the header lists no algorithm', 32);
  if (new Set(algorithms.map((algorithm) => algorithm.id)).size !== algorithms.length)
    reader.stop('the header lists an algorithm twice', 32);
  if (uintnSize !== 1 && uintnSize !== 2) reader.stop(`uintnSize is ${uintnSize}, must be 1 or 2`, 32);
  const inside = first.event.length - header.value.length;
  if (inside === 0) reader.take(vendorInfoSize);
  else if (inside !== vendorInfoSize)
    reader.stop(`${inside} bytes of vendor information, ${vendorInfoSize} announced`, 32);
  return header.value.value;
}

/** TCG_PCR_EVENT2. PFP 1.06, 10.2.2. Sizes come from the header's table, so an algorithm outside it cannot be read. */
function cryptoAgileEvent(reader: Reader, banks: readonly BankName[], index: number, offset: number): LogEvent {
  const pcrIndex = reader.u32(true);
  const eventType = reader.u32(true);
  const count = reader.u32(true);
  if (count > banks.length) reader.stop(`${count} digests, the header lists ${banks.length} algorithms`);
  const digests = new Map<BankName, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const algorithm = algorithmOf(reader.u16(true));
    if (!algorithm || !banks.includes(algorithm.name))
      return reader.stop('a digest algorithm the header does not list');
    if (digests.has(algorithm.name)) reader.stop(`two ${algorithm.name} digests in one event`);
    digests.set(algorithm.name, reader.take(algorithm.size));
  }
  const size = reader.u32(true);
  if (size > LOG_LIMITS.eventBytes) reader.stop(`event data of ${size} bytes, at most ${LOG_LIMITS.eventBytes}`);
  return measured(reader, { index, offset, pcrIndex, eventType, digests, event: reader.take(size) });
}

function measured(
  reader: Reader,
  record: Pick<LogEvent, 'index' | 'offset' | 'digests'> & { pcrIndex: number; eventType: number; event: Uint8Array },
): LogEvent {
  const { index, offset, digests, pcrIndex: pcr, eventType: type, event: data } = record;
  // EV_NO_ACTION is never extended, so its index is free: Windows uses FFFFFFFF.
  if (pcr >= LOG_LIMITS.pcrs && type !== EV.EV_NO_ACTION) reader.stop(`there is no PCR ${pcr}`, offset);
  return { index, offset, pcr, type, typeName: eventTypeName(type), digests, data };
}

export function startsWith(data: Uint8Array, start: Uint8Array): boolean {
  return data.length >= start.length && equal(data.subarray(0, start.length), start);
}
