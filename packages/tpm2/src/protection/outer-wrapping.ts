import { concat, equalConstantTime } from '@sekimori/bytes';
import { decodePrefix, encode } from '@sekimori/codec';
import { type Crypto, type HashName, hashLength, type Secret } from '@sekimori/crypto-core';
import { TPM2B_DIGEST } from '../structures/buffers.ts';
import { kdfa } from './kdf.ts';
import type { PublicArea, TpmtPublic } from '../structures/public-area.ts';

const NONE = new Uint8Array(0);
const ZERO_IV = new Uint8Array(16);

/** What a storage key protects with: a seed, the key's nameAlg, and the bits of its AES-CFB. Part 1, 22 to 24. */
export interface OuterProtection {
  readonly seed: Secret;
  readonly hash: HashName;
  readonly bits: AesBits;
}
/** TPMI_AES_KEY_BITS. Part 2, 11.1.5. */
export type AesBits = 128 | 192 | 256;

/**
 * The initialization vector: of zeros for a seed that is used once, as those of credentials and duplicated objects are; else a fresh one,
 * which stands in front of what it encrypts. Part 1, 22.4.
 */
export type OuterVector = 'zero' | 'fresh';

/** By this storage key, with this seed. Throws for a key that `storageKeyBits` refuses. */
export function outerProtection({ value }: PublicArea, seed: Secret): OuterProtection {
  const bits = storageKeyBits(value);
  if (bits === undefined) throw new RangeError('not a storage key');
  return { seed, hash: value.nameAlg, bits };
}

/**
 * Encrypts, and binds to an object's Name: credentials, duplicated objects and the private areas below a parent are protected so. The
 * HMAC as a TPM2B_DIGEST, then what it is over. Part 1, 22.4 and 24.4.
 */
export function wrapOuter(
  crypto: Crypto,
  by: OuterProtection,
  name: Uint8Array,
  clear: Uint8Array,
  vector: OuterVector = 'zero',
): Uint8Array {
  const iv = vector === 'fresh' ? crypto.random(ZERO_IV.length) : ZERO_IV;
  const encrypted = cipher('encrypt', crypto, by, name, iv, clear);
  const protectedPart = vector === 'fresh' ? concat(iv, encrypted) : encrypted;
  return concat(encode(TPM2B_DIGEST, integrityOf(crypto, by, name, protectedPart)), protectedPart);
}

/** Undefined for what was not wrapped under this seed for this Name. The caller wipes what it gets. */
export function unwrapOuter(
  crypto: Crypto,
  by: OuterProtection,
  name: Uint8Array,
  wrapped: Uint8Array,
  vector: OuterVector = 'zero',
): Uint8Array | undefined {
  const integrity = decodePrefix(TPM2B_DIGEST, wrapped);
  if (!integrity.ok) return undefined;
  const protectedPart = wrapped.subarray(integrity.value.length);
  if (!equalConstantTime(integrityOf(crypto, by, name, protectedPart), integrity.value.value)) return undefined;
  if (vector === 'zero') return cipher('decrypt', crypto, by, name, ZERO_IV, protectedPart);
  if (protectedPart.length < ZERO_IV.length) return undefined;
  const [iv, encrypted] = [protectedPart.subarray(0, ZERO_IV.length), protectedPart.subarray(ZERO_IV.length)];
  return cipher('decrypt', crypto, by, name, iv, encrypted);
}

/** The bits of a storage key's AES; undefined for a key that protects nothing: no restricted decryption key with AES-CFB. Part 1, 27.1. */
export function storageKeyBits({ parameters, objectAttributes }: TpmtPublic): AesBits | undefined {
  if (!objectAttributes.decrypt || !objectAttributes.restricted) return undefined;
  if (parameters.is !== 'rsa' && parameters.is !== 'ecc') return undefined;
  const { symmetric } = parameters.value;
  if (symmetric.algorithm !== 'aes' || symmetric.mode !== 'cfb') return undefined;
  return isAesBits(symmetric.keyBits) ? symmetric.keyBits : undefined;
}

/** Whether AES has keys of this size. */
export function isAesBits(bits: number): bits is AesBits {
  return bits === 128 || bits === 192 || bits === 256;
}

function cipher(
  direction: 'encrypt' | 'decrypt',
  crypto: Crypto,
  { seed, hash, bits }: OuterProtection,
  name: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  const symmetricKey = kdfa(crypto, hash, seed, 'STORAGE', name, NONE, bits);
  const out = crypto.aesCfb(direction, symmetricKey, iv, data);
  symmetricKey.wipe();
  return out;
}

function integrityOf(
  crypto: Crypto,
  { seed, hash }: OuterProtection,
  name: Uint8Array,
  protectedPart: Uint8Array,
): Uint8Array {
  const hmacKey = kdfa(crypto, hash, seed, 'INTEGRITY', NONE, NONE, 8 * hashLength(hash));
  const integrity = crypto.hmac(hash, hmacKey, concat(protectedPart, name));
  hmacKey.wipe();
  return integrity;
}
