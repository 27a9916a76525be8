import { fromHex, toHex } from '@sekimori/bytes';
import { type DerNode, der, readDerPrefix } from '@sekimori/crypto-core';
import { DerCursor, readingDer } from './asn1.ts';
import { type Certificate, readSerial } from './certificate.ts';
import { readExtensions, readGeneralNamesIn } from './extensions.ts';
import type { DistinguishedName } from './names.ts';
import { EXTENSION } from './oids.ts';
import { timeOf } from './time.ts';

/** CRLReason by number, RFC 5280 section 5.3.1; 7 is not used. */
export const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  undefined,
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;
export type RevocationReason = NonNullable<(typeof REASONS)[number]>;

/** One revoked certificate. RFC 5280 section 5.3. */
export interface RevokedEntry {
  /** As `Certificate.serial`. */
  readonly serial: string;
  /** Who issued the certificate: in an indirect CRL often another than who issued the CRL. */
  readonly certificateIssuer: DistinguishedName;
  readonly revokedAt: Date;
  /** 'unspecified' where none is written, too. */
  readonly reason: RevocationReason;
  /** Since when the key is believed to be in wrong hands, where it is written. */
  readonly invalidSince: Date | undefined;
}

/** Where the entries stand in the CRL: numbers only, so that 100 000 entries are no 100 000 objects. */
export interface EntryPlaces {
  readonly starts: Uint32Array;
  readonly serialStarts: Uint32Array;
  readonly serialLengths: Uint8Array;
  /** The start of the entry whose certificateIssuer holds here; NO_ISSUER: the CRL's own issuer. RFC 5280 section 5.3.3. */
  readonly issuers: Uint32Array;
}
const NO_ISSUER = 0;

/** The entries of one CRL. */
export class CrlEntries {
  readonly #bytes: Uint8Array;
  readonly #crlIssuer: DistinguishedName;
  readonly #places: EntryPlaces;
  /** Entries by serial number, made at the first lookup. */
  #order: Uint32Array | undefined;
  readonly #issuerKeys = new Map<number, string>();

  /** `bytes`: the whole CRL. */
  constructor(bytes: Uint8Array, crlIssuer: DistinguishedName, places: EntryPlaces) {
    this.#bytes = bytes;
    this.#crlIssuer = crlIssuer;
    this.#places = places;
  }

  get size(): number {
    return this.#places.starts.length;
  }

  /** In their order, each read when it is asked for. */
  *[Symbol.iterator](): Generator<RevokedEntry> {
    for (let index = 0; index < this.size; index++) yield this.#entry(index);
  }

  /** The first entry for this certificate, by its issuer and serial number. About 17 comparisons among 100 000 entries. */
  find(certificate: Pick<Certificate, 'serial' | 'issuer'>): RevokedEntry | undefined {
    const serial = fromHex(certificate.serial);
    if (!serial) return undefined;
    this.#order ??= Uint32Array.from(this.#places.starts.keys()).toSorted((a, b) => this.#compare(a, b) || a - b);
    let [low, high] = [0, this.size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareSerials(this.#serial(this.#order[middle] as number), serial) < 0) low = middle + 1;
      else high = middle;
    }
    // several issuers may have used one serial number
    for (let at = low; at < this.size; at++) {
      const index = this.#order[at] as number;
      if (compareSerials(this.#serial(index), serial) !== 0) return undefined;
      if (this.#issuerKey(index) === certificate.issuer.key) return this.#entry(index);
    }
    return undefined;
  }

  #serial(index: number): Uint8Array {
    const start = this.#places.serialStarts[index] as number;
    return this.#bytes.subarray(start, start + (this.#places.serialLengths[index] as number));
  }

  #compare(a: number, b: number): number {
    const { serialStarts, serialLengths } = this.#places;
    const length = serialLengths[a] as number;
    const shorter = length - (serialLengths[b] as number);
    if (shorter !== 0) return shorter;
    const [startA, startB] = [serialStarts[a] as number, serialStarts[b] as number];
    for (let i = 0; i < length; i++) {
      const difference = (this.#bytes[startA + i] as number) - (this.#bytes[startB + i] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #issuer(index: number): DistinguishedName {
    const start = this.#places.issuers[index] as number;
    return (start === NO_ISSUER ? undefined : this.#read(start).certificateIssuer) ?? this.#crlIssuer;
  }

  #issuerKey(index: number): string {
    const start = this.#places.issuers[index] as number;
    const known = this.#issuerKeys.get(start);
    if (known !== undefined) return known;
    const { key } = this.#issuer(index);
    this.#issuerKeys.set(start, key);
    return key;
  }

  #entry(index: number): RevokedEntry {
    const { revokedAt, reason, invalidSince } = this.#read(this.#places.starts[index] as number);
    const certificateIssuer = this.#issuer(index);
    return { serial: toHex(this.#serial(index)), certificateIssuer, revokedAt, reason, invalidSince };
  }

  /** Parsed before, with the same reader: it cannot stop here. */
  #read(start: number): ReadEntry {
    const node = readDerPrefix(this.#bytes.subarray(start));
    const read = node.ok ? readingDer('crl-malformed', () => readEntry(node.value, 'entry')) : node;
    if (!read.ok) throw new Error(`an entry that was read before: ${read.fault.detail}`);
    return read.value;
  }
}

const PROCESSED_IN_ENTRIES: ReadonlySet<string> = new Set([
  EXTENSION.reasonCode,
  EXTENSION.invalidityDate,
  EXTENSION.certificateIssuer,
]);

interface ReadEntry {
  readonly serial: Uint8Array;
  readonly revokedAt: Date;
  readonly reason: RevocationReason;
  readonly invalidSince: Date | undefined;
  /** Where the entry names it itself. */
  readonly certificateIssuer: DistinguishedName | undefined;
  readonly unknownCritical: string | undefined;
  readonly extended: boolean;
}

/** Inside `readingDer` only. `bytes`: the whole CRL, which the list is a part of. */
export function readEntries(
  list: DerCursor | undefined,
  bytes: Uint8Array,
  version: 1 | 2,
): { readonly places: EntryPlaces; readonly namesIssuers: boolean; readonly unsupported: string | undefined } {
  const starts: number[] = [];
  const serialStarts: number[] = [];
  const serialLengths: number[] = [];
  const issuers: number[] = [];
  let issuer = NO_ISSUER;
  let unsupported: string | undefined;
  if (!list) return { places: placesOf([], [], [], []), namesIssuers: false, unsupported };
  while (!list.done) {
    const node = list.next(der.TAG.sequence, 'entry');
    const entry = readEntry(node, list.at);
    if (entry.extended && version !== 2) list.stop('an entry with extensions in a version 1 CRL');
    const start = node.bytes.byteOffset - bytes.byteOffset;
    if (entry.certificateIssuer) issuer = start;
    if (entry.unknownCritical !== undefined)
      unsupported ??= `an entry has the critical extension ${entry.unknownCritical}, which is not processed`;
    starts.push(start);
    serialStarts.push(entry.serial.byteOffset - bytes.byteOffset);
    serialLengths.push(entry.serial.length);
    issuers.push(issuer);
  }
  const places = placesOf(starts, serialStarts, serialLengths, issuers);
  return { places, namesIssuers: issuer !== NO_ISSUER, unsupported };
}

function placesOf(starts: number[], serialStarts: number[], serialLengths: number[], issuers: number[]): EntryPlaces {
  return {
    starts: Uint32Array.from(starts),
    serialStarts: Uint32Array.from(serialStarts),
    serialLengths: Uint8Array.from(serialLengths),
    issuers: Uint32Array.from(issuers),
  };
}

/** Inside `readingDer` only. */
function readEntry(node: DerNode, place: string): ReadEntry {
  const entry = new DerCursor(node.content, place);
  const serial = readSerial(entry);
  const revokedAt = timeOf(entry.any('revocationDate')) ?? entry.stop('not a time', 'revocationDate');
  let reason: RevocationReason = 'unspecified';
  let invalidSince: Date | undefined;
  let certificateIssuer: DistinguishedName | undefined;
  let unknownCritical: string | undefined;
  const extended = !entry.done;
  if (extended) {
    const { all } = readExtensions(entry.inside(der.TAG.sequence, 'crlEntryExtensions'));
    entry.end();
    for (const { oid, critical, value } of all.values()) {
      if (oid === EXTENSION.reasonCode) reason = readReason(new DerCursor(value, `${place}.reasonCode`));
      else if (oid === EXTENSION.invalidityDate) {
        const body = new DerCursor(value, `${place}.invalidityDate`);
        invalidSince = timeOf(body.any('time')) ?? body.stop('not a time');
        body.end();
      } else if (oid === EXTENSION.certificateIssuer)
        certificateIssuer = readIssuer(DerCursor.of(value, der.TAG.sequence, `${place}.certificateIssuer`));
      if (critical && !PROCESSED_IN_ENTRIES.has(oid)) unknownCritical ??= oid;
    }
  }
  return { serial, revokedAt, reason, invalidSince, certificateIssuer, unknownCritical, extended };
}

function readReason(body: DerCursor): RevocationReason {
  const { content } = body.next(0x0a, 'reason');
  body.end();
  const reason = content.length === 1 ? REASONS[content[0] as number] : undefined;
  return reason ?? body.stop('not a CRLReason');
}

function readIssuer(body: DerCursor): DistinguishedName {
  const names = readGeneralNamesIn(body).flatMap((name) => (name.type === 'directoryName' ? [name.value] : []));
  const [name] = names;
  if (!name || names.length > 1) return body.stop(`${names.length} directory names, one is due`);
  return name;
}

function compareSerials(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (const [i, byte] of a.entries()) if (byte !== b[i]) return byte - (b[i] as number);
  return 0;
}
