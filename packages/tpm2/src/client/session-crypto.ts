import { concat, stripTrailingZeros } from '@sekimori/bytes';
import { type Crypto, type HashName, hashLength, type KeyMaterial, Secret } from '@sekimori/crypto-core';
import { kdfa } from '../protection/kdf.ts';
import type { TpmtSymDef } from '../structures/schemes.ts';

const IV_BITS = 128;
const NONE = new Uint8Array(0);

/** What both ends of a session have computed its key from. */
export interface SessionSecrets {
  /** Of the entity that the session is bound to. */
  readonly authValue: Secret | undefined;
  /** Shared with a key of the TPM. */
  readonly salt: Secret | undefined;
}

/** Part 1, 19.6.8. Empty for a session that is neither salted nor bound. */
export function sessionKey(
  crypto: Crypto,
  authHash: HashName,
  { authValue, salt }: SessionSecrets,
  nonceTpm: Uint8Array,
  nonceCaller: Uint8Array,
): Secret {
  if (!salt && !authValue) return new Secret(NONE);
  const own = authValue?.use((value) => Uint8Array.from(stripTrailingZeros(value))) ?? NONE;
  const key = salt?.use((value) => concat(own, value)) ?? Uint8Array.from(own);
  const derived = kdfa(crypto, authHash, key, 'ATH', nonceTpm, nonceCaller, 8 * hashLength(authHash));
  for (const part of [own, key]) part.fill(0);
  return derived;
}

/** What encrypts parameters: the session's hash and cipher, its key with the authValue, and the nonces as they rolled. Part 1, 21. */
export interface ParameterCipher {
  readonly hash: HashName;
  /** XOR, or AES with CFB; anything else leaves the parameter as it is. */
  readonly symmetric: TpmtSymDef;
  readonly sessionValue: KeyMaterial;
  /** Of the one who encrypts, then of the other. */
  readonly newer: Uint8Array;
  readonly older: Uint8Array;
}

/** The first parameter (a TPM2B, its size stays clear) encrypted or decrypted. Undefined when there is no TPM2B. Part 1, 21. */
export function cipherParameter(
  crypto: Crypto,
  direction: 'encrypt' | 'decrypt',
  by: ParameterCipher,
  parameters: Uint8Array,
): Uint8Array | undefined {
  const length = ((parameters[0] ?? 0) << 8) | (parameters[1] ?? 0);
  if (parameters.length < 2 + length) return undefined;
  const data = parameters.subarray(2, 2 + length);
  return concat(parameters.subarray(0, 2), changed(crypto, direction, by, data), parameters.subarray(2 + length));
}

function changed(
  crypto: Crypto,
  direction: 'encrypt' | 'decrypt',
  { hash, symmetric, sessionValue, newer, older }: ParameterCipher,
  data: Uint8Array,
): Uint8Array {
  const derive = (label: string, bits: number) => kdfa(crypto, hash, sessionValue, label, newer, older, bits);
  if (data.length === 0) return data;
  // Part 1, 21.2 and 11.4.6.3: its own inverse.
  if (symmetric.algorithm === 'xor') {
    const mask = derive('XOR', 8 * data.length);
    const out = mask.use((bytes) => data.map((byte, at) => byte ^ bytes[at]!));
    mask.wipe();
    return out;
  }
  if (symmetric.algorithm !== 'aes') return data;
  // Part 1, 21.3.
  const keyLength = symmetric.keyBits / 8;
  const derived = derive('CFB', symmetric.keyBits + IV_BITS);
  const out = derived.use((bytes) =>
    crypto.aesCfb(direction, bytes.subarray(0, keyLength), bytes.subarray(keyLength), data),
  );
  derived.wipe();
  return out;
}
