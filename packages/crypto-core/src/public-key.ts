import { equal } from '@sekimori/bytes';
import type { CurveName } from './algorithms.ts';

export interface RsaPublicKey {
  readonly type: 'rsa';
  /** Big-endian, without leading zeros. */
  readonly modulus: Uint8Array;
  readonly exponent: number;
  readonly bits: number;
  /** SubjectPublicKeyInfo, DER. RFC 5280 section 4.1. */
  readonly spki: Uint8Array;
}

export interface EcPublicKey {
  readonly type: 'ec';
  readonly curve: CurveName;
  /** Affine coordinates, big-endian, of the curve's width. */
  readonly x: Uint8Array;
  readonly y: Uint8Array;
  readonly bits: number;
  readonly spki: Uint8Array;
}

/** Made by `Crypto.publicKey` only, which has checked it. Treat the arrays as frozen. */
export type PublicKey = RsaPublicKey | EcPublicKey;

export function sameKey(a: PublicKey, b: PublicKey): boolean {
  return equal(a.spki, b.spki);
}
