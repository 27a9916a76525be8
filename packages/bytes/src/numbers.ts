import { concat } from './arrays.ts';

/** Unsigned integers as big-endian bytes, as TPM structures and KDFs want them. */
export function u16be(value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(value >>> 8, value);
}

export function u32be(value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function u64be(value: bigint): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, value);
  return out;
}

/**
 * Each part behind its length (4 bytes, big-endian): joined parts that can be told apart again, for hashes, MACs and key
 * derivation.
 */
export function lengthPrefixed(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concat(...parts.flatMap((part) => [u32be(part.length), part]));
}
