/** Bytes that never print: not in JSON, not in logs, not in an inspector. They come out in `use` alone. */
export class Secret {
  readonly #bytes: Uint8Array;

  /** Takes a copy; the caller may wipe its own. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Uint8Array.from(bytes);
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The bytes are lent for the call: keep no reference, and do not change them. */
  use<T>(work: (bytes: Uint8Array) => T): T {
    return work(this.#bytes);
  }

  /** Overwrites the bytes; a later `use` sees zeros. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
