import { type Fault, type Result, ok } from '@sekimori/result';

/** `malformed`: the bytes are not this structure. `trailing-bytes`: they are, and something follows. */
export type DecodeFault = Fault<'malformed' | 'trailing-bytes'>;

/** Reads and writes one kind of value. `read` and `write` are called by `decode` and `encode` only. */
export interface Codec<T> {
  readonly name: string;
  read(reader: Reader): T;
  /** Throws on a value that the type allows and the wire does not (too long, out of range): a bug of the caller. */
  write(writer: Writer, value: T): void;
}

export type Infer<C> = C extends Codec<infer T> ? T : never;

/** Total: every input gives a value or a fault. Works on its own copy, and no byte may be left over. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): Result<T, DecodeFault> {
  const outcome = decodePrefix(codec, bytes);
  if (!outcome.ok) return outcome;
  const { value, length } = outcome.value;
  if (length === bytes.length) return ok(value);
  const detail = `${bytes.length - length} bytes follow`;
  return { ok: false, fault: { code: 'trailing-bytes', detail, at: `${codec.name}@${length}` } };
}

/** As `decode`, for a value that others follow: gives its length too. */
export function decodePrefix<T>(
  codec: Codec<T>,
  bytes: Uint8Array,
): Result<{ readonly value: T; readonly length: number }, Fault<'malformed'>> {
  const reader = new Reader(new Uint8Array(bytes));
  try {
    const value = codec.read(reader);
    return ok({ value, length: reader.offset });
  } catch (stop) {
    if (!(stop instanceof Stop)) throw stop;
    const path = stop.path.length === 0 ? codec.name : stop.path.join('.');
    return { ok: false, fault: { code: 'malformed', detail: stop.detail, at: `${path}@${stop.offset}` } };
  }
}

export function encode<T>(codec: Codec<T>, value: T): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  codec.write(writer, value);
  return writer.bytes();
}

/** Ends a reading; never leaves this package. */
export class Stop {
  readonly path: string[] = [];
  readonly detail: string;
  readonly offset: number;
  constructor(detail: string, offset: number) {
    this.detail = detail;
    this.offset = offset;
  }
}

/** A bounded cursor over bytes that nobody else holds. */
export class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array<ArrayBuffer>, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  get offset(): number {
    return this.#at;
  }
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** The next `length` bytes, as a view of the decoder's own copy. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#step(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A reader over the next `length` bytes; this one goes on after them. */
  part(length: number): Reader {
    const start = this.#step(length);
    return new Reader(this.#bytes, start, start + length);
  }

  since(offset: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(offset, this.#at);
  }

  u8(): number {
    return this.#view.getUint8(this.#step(1));
  }
  u16(littleEndian = false): number {
    return this.#view.getUint16(this.#step(2), littleEndian);
  }
  u32(littleEndian = false): number {
    return this.#view.getUint32(this.#step(4), littleEndian);
  }
  i32(): number {
    return this.#view.getInt32(this.#step(4));
  }
  u64(littleEndian = false): bigint {
    return this.#view.getBigUint64(this.#step(8), littleEndian);
  }

  /** Ends the reading with a fault at `offset`. */
  stop(detail: string, offset = this.#at): never {
    throw new Stop(detail, offset);
  }

  #step(length: number): number {
    if (length > this.#end - this.#at) this.stop(`needs ${length} bytes, ${this.#end - this.#at} are left`);
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

export class Writer {
  #bytes = new Uint8Array(64);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#at);
  }
  put(bytes: Uint8Array): void {
    const start = this.#grow(bytes.length);
    this.#bytes.set(bytes, start);
  }
  u8(value: number): void {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  }
  u16(value: number, littleEndian = false): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, littleEndian);
  }
  u32(value: number, littleEndian = false): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, littleEndian);
  }
  i32(value: number): void {
    const at = this.#grow(4);
    this.#view.setInt32(at, value);
  }
  u64(value: bigint, littleEndian = false): void {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, littleEndian);
  }

  /** Makes room; `#view` may be another one after it. */
  #grow(length: number): number {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }
}
