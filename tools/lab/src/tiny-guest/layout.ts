/** A field as specifications list them: name, size in bytes, value. Numbers are little-endian, texts are ASCII. */
export type Field = readonly [name: string, size: number, value: number | string | Uint8Array];

/** The fields one after the other. Throws on a value that does not fit. */
export function layOut(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  return joined(
    fields.map(([name, size, value]) => {
      const bytes = bytesOf(value, size);
      if (bytes.length !== size) throw new RangeError(`${name} has ${size} bytes, not ${bytes.length}`);
      return bytes;
    }),
  );
}

/** Throws on a number that needs more than `size` bytes. */
export function littleEndian(value: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  if (bytes.subarray(size).some((byte) => byte !== 0)) throw new RangeError(`${value} does not fit in ${size} bytes`);
  return bytes.slice(0, size);
}

function bytesOf(value: Field[2], size: number): Uint8Array {
  if (typeof value === 'number') return littleEndian(value, size);
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(parts));
}

/** `bytes`, then zeros up to a multiple of `unit`. */
export function padded(bytes: Uint8Array, unit: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(roundedUp(bytes.length, unit));
  whole.set(bytes);
  return whole;
}

export const roundedUp = (length: number, unit: number): number => Math.ceil(length / unit) * unit;
