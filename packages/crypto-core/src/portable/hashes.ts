import { concat, u32be } from '@sekimori/bytes';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { type HashName, hashLength } from '../algorithms.ts';

/** By the names of the port. */
export const NOBLE_HASH = { sha1, sha256, sha384, sha512 } as const;

/** MGF1. RFC 8017 appendix B.2.1. */
export function mgf1(hash: HashName, seed: Uint8Array, length: number): Uint8Array {
  const width = hashLength(hash);
  const out = new Uint8Array(Math.ceil(length / width) * width);
  for (let at = 0; at < length; at += width) out.set(NOBLE_HASH[hash](concat(seed, u32be(at / width))), at);
  return out.subarray(0, length);
}

/** The mask is at least as long. */
export function xorInto(target: Uint8Array, mask: Uint8Array): void {
  for (let at = 0; at < target.length; at++) (target[at] as number) ^= mask[at] as number;
}
