import { concat, equalConstantTime } from '@sekimori/bytes';
import { type Crypto, hashLength, type Secret } from '@sekimori/crypto-core';
import { kdfa } from './kdf.ts';
import type { PublicArea } from './public-area.ts';

const NONE = new Uint8Array(0);
const ZERO_IV = new Uint8Array(16);

export interface OuterWrapped {
  readonly integrity: Uint8Array;
  readonly encrypted: Uint8Array;
}

/**
 * Encrypts and binds to an object's Name under a seed shared with a storage key: credentials and duplicated objects are protected so. Part 1,
 * 22.4 and 24.4. Throws for a key that `storageKeyBits` refuses.
 */
export function wrapOuter(
  crypto: Crypto,
  key: PublicArea,
  seed: Secret,
  name: Uint8Array,
  clear: Uint8Array,
): OuterWrapped {
  const encrypted = cipher('encrypt', crypto, key, seed, name, clear);
  return { integrity: integrityOf(crypto, key, seed, name, encrypted), encrypted };
}

/** Undefined for what was not wrapped under this seed for this Name. The caller wipes what it gets. */
export function unwrapOuter(
  crypto: Crypto,
  key: PublicArea,
  seed: Secret,
  name: Uint8Array,
  { integrity, encrypted }: OuterWrapped,
): Uint8Array | undefined {
  if (!equalConstantTime(integrityOf(crypto, key, seed, name, encrypted), integrity)) return undefined;
  return cipher('decrypt', crypto, key, seed, name, encrypted);
}

/** The bits of a storage key's AES; undefined for a key that protects nothing: no restricted decryption key with AES-CFB. */
export function storageKeyBits({ value }: PublicArea): 128 | 256 | undefined {
  const { parameters, objectAttributes } = value;
  if (!objectAttributes.decrypt || !objectAttributes.restricted) return undefined;
  if (parameters.is !== 'rsa' && parameters.is !== 'ecc') return undefined;
  const { symmetric } = parameters.value;
  if (symmetric.algorithm !== 'aes' || symmetric.mode !== 'cfb') return undefined;
  return symmetric.keyBits === 128 || symmetric.keyBits === 256 ? symmetric.keyBits : undefined;
}

function cipher(
  direction: 'encrypt' | 'decrypt',
  crypto: Crypto,
  key: PublicArea,
  seed: Secret,
  name: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  const bits = storageKeyBits(key);
  if (bits === undefined) throw new RangeError('not a storage key');
  const symmetricKey = kdfa(crypto, key.value.nameAlg, seed, 'STORAGE', name, NONE, bits);
  const out = crypto.aesCfb(direction, symmetricKey, ZERO_IV, data);
  symmetricKey.wipe();
  return out;
}

function integrityOf(
  crypto: Crypto,
  { value: { nameAlg } }: PublicArea,
  seed: Secret,
  name: Uint8Array,
  encrypted: Uint8Array,
): Uint8Array {
  const hmacKey = kdfa(crypto, nameAlg, seed, 'INTEGRITY', NONE, NONE, 8 * hashLength(nameAlg));
  const integrity = crypto.hmac(nameAlg, hmacKey, concat(encrypted, name));
  hmacKey.wipe();
  return integrity;
}
