import type { Codec } from './codec.ts';

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

/** What a dissection hears of a reading. */
export interface Trace {
  read<T>(reader: Reader, codec: Codec<T>, key: string | number | undefined): T;
  means(value: unknown): void;
}

/** A bounded cursor over bytes that nobody else holds. */
export class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #trace: Trace | undefined;
  #view: DataView | undefined; // made for the first 64-bit number: short structures cost less without
  #at: number;
  #end: number;

  constructor(bytes: Uint8Array<ArrayBuffer>, trace?: Trace, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#trace = trace;
    this.#view = undefined;
    this.#at = start;
    this.#end = end;
  }

  get offset(): number {
    return this.#at;
  }
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** A part with a node of its own in a dissection; `key` tells it from its neighbours. */
  read<T>(codec: Codec<T>, key?: string | number): T {
    return this.#trace === undefined ? codec.read(this) : this.#trace.read(this, codec, key);
  }

  /** For a dissection: what the node being read stands for, where its parts do not show it. */
  means(value: unknown): void {
    if (this.#trace !== undefined) this.#trace.means(value);
  }

  /** The next `length` bytes, as a view of the decoder's own copy. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#step(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A reader over the next `length` bytes; this one goes on after them. */
  part(length: number): Reader {
    const start = this.#step(length);
    return new Reader(this.#bytes, this.#trace, start, start + length);
  }

  /** `inner` has to fill the next `length` bytes exactly. */
  within<T>(length: number, inner: Codec<T>): T {
    const end = this.#end;
    this.#end = this.#step(length) + length;
    this.#at -= length;
    const value = this.read(inner);
    if (this.#at !== this.#end) this.stop(`${this.remaining} bytes follow inside ${inner.name}`);
    this.#end = end;
    return value;
  }

  since(offset: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(offset, this.#at);
  }

  u8(): number {
    return this.#bytes[this.#step(1)] as number;
  }
  u16(littleEndian = false): number {
    const at = this.#step(2);
    const a = this.#bytes[at] as number;
    const b = this.#bytes[at + 1] as number;
    return littleEndian ? (b << 8) | a : (a << 8) | b;
  }
  u32(littleEndian = false): number {
    return this.#word(this.#step(4), littleEndian) >>> 0;
  }
  i32(): number {
    return this.#word(this.#step(4), false);
  }
  u64(littleEndian = false): bigint {
    const at = this.#step(8);
    this.#view ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    return this.#view.getBigUint64(at, littleEndian);
  }

  /** Ends the reading with a fault at `offset`. */
  stop(detail: string, offset = this.#at): never {
    throw new Stop(detail, offset);
  }

  #word(at: number, littleEndian: boolean): number {
    const bytes = this.#bytes;
    const a = bytes[at] as number;
    const b = bytes[at + 1] as number;
    const c = bytes[at + 2] as number;
    const d = bytes[at + 3] as number;
    return littleEndian ? (d << 24) | (c << 16) | (b << 8) | a : (a << 24) | (b << 16) | (c << 8) | d;
  }

  #step(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) this.stop(`needs ${length} bytes, ${this.#end - start} are left`);
    this.#at = start + length;
    return start;
  }
}
