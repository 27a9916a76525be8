import { concat, leftPad } from '@sekimori/bytes';
import { type CurveName, curveWidth } from './algorithms.ts';
import * as der from './der.ts';

/** Ecdsa-Sig-Value (RFC 3279 section 2.2.3) from raw r||s. */
export function ecdsaToDer(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  const half = raw.length / 2;
  return der.sequence(der.unsigned(raw.subarray(0, half)), der.unsigned(raw.subarray(half)));
}

/** Raw r||s of the curve's width; undefined when the bytes are not an Ecdsa-Sig-Value for that curve. */
export function ecdsaFromDer(bytes: Uint8Array, curve: CurveName): Uint8Array<ArrayBuffer> | undefined {
  const outer = der.readDer(bytes);
  if (!outer.ok || outer.value.tag !== der.TAG.sequence) return undefined;
  const numbers = der.children(outer.value);
  if (!numbers.ok || numbers.value.length !== 2) return undefined;
  const [r, s] = numbers.value.map((node) => {
    const value = der.unsignedOf(node);
    return value && leftPad(value, curveWidth(curve));
  });
  return r && s ? concat(r, s) : undefined;
}
