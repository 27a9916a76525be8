import { leftPad, stripLeadingZeros } from '@sekimori/bytes';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { type CurveName, curveWidth } from './algorithms.ts';
import type { PublicKeySpec } from './crypto.ts';
import type { PublicKey } from './public-key.ts';
import { parseSpki, spkiOf } from './spki.ts';

/**
 * The key a specification tells of, with all that can be checked without arithmetic on a curve: what every provider asks
 * of a public key. Whether an EC point lies on its curve is left to the provider. `invalid-key`: RSA below 2048 or over
 * 8192 bits, an even modulus, an exponent that is even, below 3 or over 32 bits; a coordinate wider than its curve.
 */
export function publicKeyFrom(spec: PublicKeySpec): Result<PublicKey, Fault<'invalid-key'>> {
  const parsed = spec.type === 'spki' ? parseSpki(spec.der) : ok(spec);
  if (!parsed.ok) return parsed;
  const parts = parsed.value;
  if (parts.type === 'rsa') {
    const { exponent } = parts;
    const modulus = Uint8Array.from(stripLeadingZeros(parts.modulus));
    const bits = 8 * modulus.length + 24 - Math.clz32(modulus[0] ?? 0);
    if (bits < 2048 || bits > 8192) return fail('invalid-key', `RSA with ${bits} bits; 2048 to 8192 are accepted`);
    if ((modulus.at(-1) as number) % 2 === 0) return fail('invalid-key', 'the RSA modulus is even');
    if (!Number.isInteger(exponent) || exponent < 3 || exponent % 2 === 0 || exponent > 0xffffffff)
      return fail('invalid-key', `the RSA exponent ${exponent}`);
    return ok({ type: 'rsa', modulus, exponent, bits, spki: spkiOf({ type: 'rsa', modulus, exponent }) });
  }
  const { curve } = parts;
  const width = curveWidth(curve);
  const [x, y] = [leftPad(parts.x, width), leftPad(parts.y, width)];
  if (!x || !y) return fail('invalid-key', `a coordinate is wider than ${curve}`);
  return ok({ type: 'ec', curve, x, y, bits: curveBits(curve), spki: spkiOf({ type: 'ec', curve, x, y }) });
}

/** Bits of a coordinate: 521 on P-521, whose width in bytes has room for more. */
export function curveBits(curve: CurveName): number {
  return curve === 'P-521' ? 521 : 8 * curveWidth(curve);
}
