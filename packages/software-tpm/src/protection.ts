import { concat, equalConstantTime } from '@sekimori/bytes';
import { decodePrefix, encode } from '@sekimori/codec';
import { type HashName, hashLength, type Crypto, type Secret } from '@sekimori/crypto-core';
import { kdfa, type PublicArea, TPM2B_DIGEST } from '@sekimori/tpm2';

const NONE = new Uint8Array(0);
const ZERO_IV = new Uint8Array(16);

/** What everything a storage key protects is protected with: a seed, its nameAlg, its cipher's key size. Part 1, 22 to 24. */
export interface Protection {
  readonly seed: Secret;
  readonly hash: HashName;
  readonly bits: number;
}

/** With the cipher of a storage key. */
export function protectionBy(parent: PublicArea, seed: Secret): Protection {
  const { nameAlg, parameters } = parent.value;
  const symmetric = parameters.is === 'rsa' || parameters.is === 'ecc' ? parameters.value.symmetric : undefined;
  if (symmetric?.algorithm !== 'aes') throw new Error('a parent is a storage key');
  return { seed, hash: nameAlg, bits: symmetric.keyBits };
}

/**
 * The outer wrapper: the HMAC, with its size, and what it is over. `fresh`: with an initialization vector of its own in
 * front, for a seed that is used again and again.
 */
export function protect(
  crypto: Crypto,
  by: Protection,
  name: Uint8Array,
  plain: Uint8Array,
  vector: 'zero' | 'fresh',
): Uint8Array {
  const fresh = vector === 'fresh' ? crypto.random(ZERO_IV.length) : NONE;
  const iv = vector === 'fresh' ? fresh : ZERO_IV;
  const encrypted = concat(fresh, crypto.aesCfb('encrypt', cipherKey(crypto, by, name), iv, plain));
  return concat(encode(TPM2B_DIGEST, integrity(crypto, by, name, encrypted)), encrypted);
}

/** Undefined for what was not protected by this seed for this Name. */
export function unprotect(
  crypto: Crypto,
  by: Protection,
  name: Uint8Array,
  wrapped: Uint8Array,
  vector: 'zero' | 'fresh',
): Uint8Array | undefined {
  const outer = decodePrefix(TPM2B_DIGEST, wrapped);
  if (!outer.ok) return undefined;
  const encrypted = wrapped.subarray(outer.value.length);
  if (!equalConstantTime(integrity(crypto, by, name, encrypted), outer.value.value)) return undefined;
  const start = vector === 'fresh' ? ZERO_IV.length : 0;
  if (encrypted.length < start) return undefined;
  const iv = vector === 'fresh' ? encrypted.subarray(0, start) : ZERO_IV;
  return crypto.aesCfb('decrypt', cipherKey(crypto, by, name), iv, encrypted.subarray(start));
}

function cipherKey(crypto: Crypto, { seed, hash, bits }: Protection, name: Uint8Array): Secret {
  return kdfa(crypto, hash, seed, 'STORAGE', name, NONE, bits);
}

function integrity(crypto: Crypto, { seed, hash }: Protection, name: Uint8Array, encrypted: Uint8Array): Uint8Array {
  const key = kdfa(crypto, hash, seed, 'INTEGRITY', NONE, NONE, 8 * hashLength(hash));
  return crypto.hmac(hash, key, concat(encrypted, name));
}
