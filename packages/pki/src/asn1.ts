import { type DerNode, der, readDer, readDerPrefix } from '@sekimori/crypto-core';
import { type Fault, type Result, fail, ok } from '@sekimori/result';

/** Ends a reading; never leaves `readingDer`. */
class Stop {
  readonly detail: string;
  readonly at: string;
  constructor(detail: string, at: string) {
    this.detail = detail;
    this.at = at;
  }
}

/** Runs a reader made of `DerCursor`s; where it stops, a fault with this code comes out. */
export function readingDer<T, const Code extends string>(code: Code, read: () => T): Result<T, Fault<Code>> {
  try {
    return ok(read());
  } catch (stop) {
    if (!(stop instanceof Stop)) throw stop;
    return fail(code, stop.detail, { at: stop.at });
  }
}

/** Reads the elements of one constructed element, in order. For use inside `readingDer` only: it stops by throwing. */
export class DerCursor {
  /** Dotted place of this element, for faults. */
  readonly at: string;
  #left: Uint8Array;

  constructor(content: Uint8Array, at: string) {
    this.#left = content;
    this.at = at;
  }

  /** The elements of the one element, with this tag, that fills the bytes. */
  static of(bytes: Uint8Array, tag: number, at: string): DerCursor {
    const outer = readDer(bytes);
    if (!outer.ok) throw new Stop(outer.fault.detail, at);
    if (outer.value.tag !== tag) throw new Stop(`tag ${hexOf(outer.value.tag)}, must be ${hexOf(tag)}`, at);
    return new DerCursor(outer.value.content, at);
  }

  get done(): boolean {
    return this.#left.length === 0;
  }

  /** Whether the next element has this tag. */
  sees(tag: number): boolean {
    return this.#left[0] === tag;
  }

  any(what: string): DerNode {
    const next = readDerPrefix(this.#left);
    if (!next.ok) throw new Stop(next.fault.detail, `${this.at}.${what}`);
    this.#left = this.#left.subarray(next.value.bytes.length);
    return next.value;
  }

  next(tag: number, what: string): DerNode {
    if (!this.sees(tag)) {
      const found = this.#left[0];
      throw new Stop(
        `${found === undefined ? 'missing' : `tag ${hexOf(found)}`}, must be ${hexOf(tag)}`,
        `${this.at}.${what}`,
      );
    }
    return this.any(what);
  }

  optional(tag: number, what: string): DerNode | undefined {
    return this.sees(tag) ? this.any(what) : undefined;
  }

  /** The elements of the next one. */
  inside(tag: number, what: string): DerCursor {
    return new DerCursor(this.next(tag, what).content, `${this.at}.${what}`);
  }

  oid(what: string): string {
    return der.oidOf(this.next(der.TAG.oid, what)) ?? this.stop('not an object identifier', what);
  }

  /** DER knows 0x00 and 0xff only. An explicit FALSE where it is the default is let pass: vendors write it. */
  boolean(what: string, tag: number = der.TAG.boolean): boolean {
    const { content } = this.next(tag, what);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) this.stop('not a BOOLEAN of DER', what);
    return content[0] === 0xff;
  }

  /** A non-negative INTEGER of at most `max`. */
  number(max: number, what: string): number {
    const bytes = der.unsignedOf(this.next(der.TAG.integer, what));
    if (!bytes || bytes.length > 6) return this.stop('not a small non-negative integer', what);
    let value = 0;
    for (const byte of bytes) value = value * 256 + byte;
    if (value > max) this.stop(`${value}, at most ${max}`, what);
    return value;
  }

  /** No element may be left. */
  end(): void {
    if (!this.done) throw new Stop(`${this.#left.length} bytes follow`, this.at);
  }

  stop(detail: string, what?: string): never {
    throw new Stop(detail, what === undefined ? this.at : `${this.at}.${what}`);
  }
}

function hexOf(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`;
}
