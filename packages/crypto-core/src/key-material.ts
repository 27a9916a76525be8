import type { KeyMaterial } from './crypto.ts';
import { Secret } from './secret.ts';

/** Lends the bytes of a key for the call. */
export function withKey<T>(key: KeyMaterial, work: (bytes: Uint8Array) => T): T {
  return key instanceof Secret ? key.use(work) : work(key);
}

/** Moves bytes into a Secret: the array given is wiped. */
export function secretAndWipe(bytes: Uint8Array): Secret {
  const secret = new Secret(bytes);
  bytes.fill(0);
  return secret;
}

/** The tag of AES-GCM in bytes; shorter ones are never used. */
export const GCM_TAG = 16;

/** Throws RangeError where key or nonce are not what the port says of AES-GCM: 16 or 32 bytes, and 12. */
export function requireGcm(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== 16 && key.length !== 32) throw new RangeError('an AES-GCM key has 16 or 32 bytes');
  if (nonce.length !== 12) throw new RangeError('an AES-GCM nonce has 12 bytes');
}

/** Throws RangeError where key or initialisation vector do not fit AES-CFB: 16, 24 or 32 bytes, and 16. */
export function requireCfb(key: Uint8Array, iv: Uint8Array): void {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32)
    throw new RangeError('an AES key has 16, 24 or 32 bytes');
  if (iv.length !== 16) throw new RangeError('an AES-CFB initialisation vector has 16 bytes');
}
