import { equal } from '@sekimori/bytes';
import type { CurveName } from './algorithms.ts';

/** An RSA key that was checked: 2048 to 8192 bits. */
export interface RsaPublicKey {
  readonly type: 'rsa';
  /** Big-endian, without leading zeros. */
  readonly modulus: Uint8Array;
  /** Odd, from 3 to 32 bits. */
  readonly exponent: number;
  /** Of the modulus. */
  readonly bits: number;
  /** SubjectPublicKeyInfo, DER. RFC 5280 section 4.1. */
  readonly spki: Uint8Array;
}

/** A point that was found to be on its curve. */
export interface EcPublicKey {
  readonly type: 'ec';
  readonly curve: CurveName;
  /** Affine coordinates, big-endian, of the curve's width. */
  readonly x: Uint8Array;
  readonly y: Uint8Array;
  /** Of a coordinate. */
  readonly bits: number;
  /** SubjectPublicKeyInfo, DER. RFC 5480 section 2. */
  readonly spki: Uint8Array;
}

/** Made by `Crypto.publicKey` only, which has checked it. Treat the arrays as frozen. */
export type PublicKey = RsaPublicKey | EcPublicKey;

/** Whether two keys are one, by their canonical SubjectPublicKeyInfo. */
export function sameKey(a: PublicKey, b: PublicKey): boolean {
  return equal(a.spki, b.spki);
}
