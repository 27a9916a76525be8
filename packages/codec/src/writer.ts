/** Grows as it is written to. For codecs alone. */
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
