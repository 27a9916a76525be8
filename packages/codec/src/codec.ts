import { type Fault, type Result, ok } from '@sekimori/result';
import { Reader, Stop } from './reader.ts';
import { Writer } from './writer.ts';

/** `malformed`: the bytes are not this structure. `trailing-bytes`: they are, and something follows. */
export type DecodeFault = Fault<'malformed' | 'trailing-bytes'>;

/**
 * Reads and writes one kind of value. `read` and `write` are called by `decode` and `encode` only, and by codecs that have
 * this one inside: `inner.read(reader)` where the two are one node of a dissection, `reader.read(inner, key)` where
 * `inner` is a part with a node of its own.
 */
export interface Codec<T> {
  readonly name: string;
  read(reader: Reader): T;
  /** Throws on a value that the type allows and the wire does not (too long, out of range): a bug of the caller. */
  write(writer: Writer, value: T): void;
}

/** The values of a codec. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

/** Total: every input gives a value or a fault. Works on its own copy, and no byte may be left over. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): Result<T, DecodeFault> {
  const outcome = decodePrefix(codec, bytes);
  if (!outcome.ok) return outcome;
  const { value, length } = outcome.value;
  return length === bytes.length ? ok(value) : { ok: false, fault: leftOver(codec, length, bytes.length) };
}

/** As `decode`, for a value that others follow: gives its length in bytes too. `malformed`: the bytes do not begin with one. */
export function decodePrefix<T>(
  codec: Codec<T>,
  bytes: Uint8Array,
): Result<{ readonly value: T; readonly length: number }, Fault<'malformed'>> {
  const reader = new Reader(new Uint8Array(bytes));
  try {
    const value = codec.read(reader);
    return ok({ value, length: reader.offset });
  } catch (stop) {
    return { ok: false, fault: faultOf(codec, stop) };
  }
}

export function leftOver(codec: Codec<unknown>, read: number, length: number): Fault<'trailing-bytes'> {
  return { code: 'trailing-bytes', detail: `${length - read} bytes follow`, at: `${codec.name}@${read}` };
}

/** Throws what is no end of a reading: a bug in a codec. */
export function faultOf(codec: Codec<unknown>, stop: unknown): Fault<'malformed'> {
  if (!(stop instanceof Stop)) throw stop;
  const path = stop.path.length === 0 ? codec.name : stop.path.join('.');
  return { code: 'malformed', detail: stop.detail, at: `${path}@${stop.offset}` };
}

/** Throws on a value that the type allows and the wire does not. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  codec.write(writer, value);
  return writer.bytes();
}
