import { concat, equalConstantTime } from '@sekimori/bytes';
import { decodePrefix, encode } from '@sekimori/codec';
import type { Crypto, HashName } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { TPM2B_DIGEST } from '../structures/buffers.ts';

const ZERO_IV = new Uint8Array(16);

/**
 * The inner wrapping of a duplicated object, with an AES-CFB key of its own: a digest over the sensitive area and the object's Name, then both
 * encrypted. `hash` is the object's nameAlg. Part 1, 23.3.1.
 */
export function wrapInner(
  crypto: Crypto,
  hash: HashName,
  name: Uint8Array,
  key: Uint8Array,
  clear: Uint8Array,
): Uint8Array {
  const content = concat(encode(TPM2B_DIGEST, crypto.hash(hash, concat(clear, name))), clear);
  const encrypted = crypto.aesCfb('encrypt', key, ZERO_IV, content);
  content.fill(0);
  return encrypted;
}

/**
 * The other side of `wrapInner`; the caller wipes what it gets. `duplicate-malformed`: no digest is in front; `duplicate-integrity`: wrapped with another
 * key or for another Name, or changed.
 */
export function unwrapInner(
  crypto: Crypto,
  hash: HashName,
  name: Uint8Array,
  key: Uint8Array,
  wrapped: Uint8Array,
): Result<Uint8Array, Fault<'duplicate-malformed' | 'duplicate-integrity'>> {
  const content = crypto.aesCfb('decrypt', key, ZERO_IV, wrapped);
  const integrity = decodePrefix(TPM2B_DIGEST, content);
  if (!integrity.ok) return fail('duplicate-malformed', 'the inner digest', { cause: integrity.fault });
  const clear = content.slice(integrity.value.length);
  content.fill(0);
  const holds = equalConstantTime(crypto.hash(hash, concat(clear, name)), integrity.value.value);
  return holds ? ok(clear) : fail('duplicate-integrity', 'its inner wrapping does not hold');
}
