import { concat, stripLeadingZeros } from '@sekimori/bytes';
import { type Fault, type Result, fail, ok } from '@sekimori/result';

/**
 * A small reader and writer of DER (X.690): definite lengths only, one-byte tags only, minimal lengths. What stands inside
 * an element is read by asking for its children, so depth is bounded by the code that asks.
 */
export interface DerNode {
  /** The identifier octet: 0x30 SEQUENCE, 0x31 SET, 0xa0 [0] constructed … */
  readonly tag: number;
  readonly content: Uint8Array;
  /** The whole element as it arrived: signatures are checked over these. */
  readonly bytes: Uint8Array;
}

/** `malformed`: not DER, or not as much as it says. */
export type DerFault = Fault<'malformed'>;

/** Identifier octets of the universal types that X.509 uses. X.680 section 8.4. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

const MAX_CHILDREN = 4096;

/** One element that fills the input. */
export function readDer(bytes: Uint8Array): Result<DerNode, DerFault> {
  const first = readDerPrefix(bytes);
  if (first.ok && first.value.bytes.length !== bytes.length) return fail('malformed', 'bytes follow the element');
  return first;
}

/** One element that others may follow. */
export function readDerPrefix(bytes: Uint8Array): Result<DerNode, DerFault> {
  const tag = bytes[0];
  const short = bytes[1];
  if (tag === undefined || short === undefined) return fail('malformed', 'an element needs two bytes at least');
  if ((tag & 0x1f) === 0x1f) return fail('malformed', 'a tag of several bytes');
  let length = short;
  let header = 2;
  if (short >= 0x80) {
    const count = short & 0x7f;
    if (count === 0 || count > 4) return fail('malformed', 'an indefinite or overlong length');
    header += count;
    if (bytes.length < header) return fail('malformed', 'the length is cut off');
    length = 0;
    for (let i = 2; i < header; i++) length = length * 256 + (bytes[i] as number);
    if (length < 0x80 || bytes[2] === 0) return fail('malformed', 'a length longer than need be');
  }
  if (length > bytes.length - header)
    return fail('malformed', `the element needs ${length} bytes, ${bytes.length - header} are left`);
  return ok({ tag, content: bytes.subarray(header, header + length), bytes: bytes.subarray(0, header + length) });
}

/** The elements inside a constructed one. */
export function children(node: DerNode): Result<readonly DerNode[], DerFault> {
  const out: DerNode[] = [];
  let left = node.content;
  while (left.length > 0) {
    const next = readDerPrefix(left);
    if (!next.ok) return next;
    out.push(next.value);
    if (out.length > MAX_CHILDREN) return fail('malformed', 'too many elements');
    left = left.subarray(next.value.bytes.length);
  }
  return ok(out);
}

/** Dotted text of an OBJECT IDENTIFIER; arcs may be of any size up to 160 bits. Undefined when it is not one. */
export function oidOf(node: DerNode): string | undefined {
  if (node.tag !== TAG.oid || node.content.length === 0 || node.content.length > 64) return undefined;
  const arcs: (number | bigint)[] = [];
  let arc: number | bigint = 0;
  let digits = 0;
  for (const byte of node.content) {
    if (digits === 0 && byte === 0x80) return undefined;
    // nearly all arcs are small; seven groups of seven bits still fit a number
    arc = digits < 7 ? Number(arc) * 128 + (byte & 0x7f) : (BigInt(arc) << 7n) | BigInt(byte & 0x7f);
    if (++digits > 23) return undefined;
    if (byte & 0x80) continue;
    arcs.push(arc);
    arc = 0;
    digits = 0;
  }
  if (digits !== 0) return undefined;
  const first = arcs[0] as number | bigint;
  const root = first < 40 ? 0 : first < 80 ? 1 : 2;
  const second = typeof first === 'bigint' ? first - 80n : first - root * 40;
  return [root, second, ...arcs.slice(1)].join('.');
}

/** A non-negative INTEGER without leading zeros; undefined for negative or empty ones. */
export function unsignedOf(node: DerNode): Uint8Array | undefined {
  if (node.tag !== TAG.integer || node.content.length === 0 || (node.content[0] as number) >= 0x80) return undefined;
  return stripLeadingZeros(node.content);
}

/** The bytes of a BIT STRING without unused bits. */
export function bitsOf(node: DerNode): Uint8Array | undefined {
  if (node.tag !== TAG.bitString || node.content[0] !== 0) return undefined;
  return node.content.subarray(1);
}

/** An element of any tag around its contents, one after the other. */
export function element(tag: number, ...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of content) length += part.length;
  return concat(headerOf(tag, length), ...content);
}

/** SEQUENCE. */
export function sequence(...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return element(TAG.sequence, ...content);
}

/** SET; the order is the caller's, who sorts where X.690 section 11.6 asks for it. */
export function set(...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return element(TAG.set, ...content);
}

/** [n], constructed. */
export function tagged(n: number, ...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return element(0xa0 | n, ...content);
}

/** OCTET STRING. */
export function octetString(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return element(TAG.octetString, bytes);
}

/** BIT STRING; `unusedBits` of the last byte, 0 to 7, say nothing. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array<ArrayBuffer> {
  return element(TAG.bitString, Uint8Array.of(unusedBits), bytes);
}

/** A non-negative INTEGER from big-endian bytes. */
export function unsigned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const bare = stripLeadingZeros(bytes);
  const pad = bare.length === 0 || (bare[0] as number) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0);
  return element(TAG.integer, pad, bare);
}

/** A non-negative INTEGER; throws RangeError for others. */
export function integer(value: number | bigint): Uint8Array<ArrayBuffer> {
  if (value < 0) throw new RangeError('only non-negative integers are written');
  if (value < 0x80) return Uint8Array.of(TAG.integer, 1, Number(value));
  const hex = value.toString(16);
  const even = hex.length % 2 ? `0${hex}` : hex;
  return unsigned(Uint8Array.from(even.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)));
}

/** BOOLEAN: FF is true. X.690 section 11.1. */
export function boolean(value: boolean): Uint8Array<ArrayBuffer> {
  return element(TAG.boolean, Uint8Array.of(value ? 0xff : 0));
}

/** NULL. */
export function nothing(): Uint8Array<ArrayBuffer> {
  return element(TAG.null);
}

/** OBJECT IDENTIFIER from dotted text; throws RangeError for less than two arcs. */
export function oid(dotted: string): Uint8Array<ArrayBuffer> {
  const [root, second, ...others] = dotted.split('.').map(BigInt);
  if (root === undefined || second === undefined) throw new RangeError(`${dotted} is not an object identifier`);
  return element(TAG.oid, ...[root * 40n + second, ...others].map(base128));
}

/** UTF8String. */
export function utf8String(text: string): Uint8Array<ArrayBuffer> {
  return element(TAG.utf8String, new TextEncoder().encode(text));
}

function base128(arc: bigint): Uint8Array {
  const out = [Number(arc & 0x7fn)];
  for (let left = arc >> 7n; left > 0n; left >>= 7n) out.unshift(Number(left & 0x7fn) | 0x80);
  return Uint8Array.from(out);
}

function headerOf(tag: number, length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(tag, length);
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return Uint8Array.of(tag, 0x80 | bytes.length, ...bytes);
}
