import { concat } from '@sekimori/bytes';
import { type CurveName, curveWidth } from './algorithms.ts';
import type { Crypto } from './crypto.ts';
import type { EcPublicKey } from './public-key.ts';

const UNCOMPRESSED = 4;

/** 0x04 || x || y, each of the curve's width. SEC 1 section 2.3.3. */
export function uncompressedPoint({ x, y }: Pick<EcPublicKey, 'x' | 'y'>): Uint8Array<ArrayBuffer> {
  return concat(Uint8Array.of(UNCOMPRESSED), x, y);
}

/** Undefined for what is no uncompressed point of the curve: an invalid point never reaches a private key. SEC 1 section 2.3.4. */
export function readUncompressedPoint(
  crypto: Pick<Crypto, 'publicKey'>,
  curve: CurveName,
  point: Uint8Array,
): EcPublicKey | undefined {
  const width = curveWidth(curve);
  if (point[0] !== UNCOMPRESSED || point.length !== 1 + 2 * width) return undefined;
  const key = crypto.publicKey({ type: 'ec', curve, x: point.slice(1, 1 + width), y: point.slice(1 + width) });
  return key.ok && key.value.type === 'ec' ? key.value : undefined;
}
