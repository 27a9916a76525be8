import { equal, leftPad, u32be } from '@sekimori/bytes';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { CURVES, type CurveName, curveWidth } from './algorithms.ts';
import type { PublicKeySpec } from './crypto.ts';
import * as der from './der.ts';
import { uncompressedPoint } from './ec-point.ts';

/** rsaEncryption. RFC 3279 section 2.3.1. */
export const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
/** TPM vendors have marked EKs so; the key inside is the same. RFC 4055 section 4. */
const RSAES_OAEP = '1.2.840.113549.1.1.7';
/** id-ecPublicKey. RFC 5480 section 2.1.1. */
export const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const CURVE_OIDS: Readonly<Record<CurveName, string>> = {
  'P-256': '1.2.840.10045.3.1.7',
  'P-384': '1.3.132.0.34',
  'P-521': '1.3.132.0.35',
};
const NOTHING = der.nothing();
/** AlgorithmIdentifier of RSA keys. */
export const RSA_ALGORITHM = der.sequence(der.oid(RSA_ENCRYPTION), NOTHING);
/** Every key that is used has its SubjectPublicKeyInfo written, so the part that never changes is written once. */
const ecAlgorithm = (curve: CurveName) => der.sequence(der.oid(EC_PUBLIC_KEY), der.oid(CURVE_OIDS[curve]));
export const EC_ALGORITHMS: Readonly<Record<CurveName, Uint8Array>> = {
  'P-256': ecAlgorithm('P-256'),
  'P-384': ecAlgorithm('P-384'),
  'P-521': ecAlgorithm('P-521'),
};

type KeyParts = Exclude<PublicKeySpec, { type: 'spki' }>;

/** SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7: what it says, not yet whether the key is sound. `invalid-key`: of no supported kind. */
export function parseSpki(bytes: Uint8Array): Result<KeyParts, Fault<'invalid-key'>> {
  const parts = elementsOf(der.readDer(bytes), der.TAG.sequence);
  const algorithm = elementsOf(parts?.[0], der.TAG.sequence);
  const bits = parts?.[1] && der.bitsOf(parts[1]);
  if (parts?.length !== 2 || !algorithm?.[0] || !bits) return fail('invalid-key', 'not a SubjectPublicKeyInfo');
  const name = der.oidOf(algorithm[0]);
  if (name === EC_PUBLIC_KEY) {
    const curve = curveOf(algorithm[1]);
    if (!curve)
      return fail('invalid-key', `the curve ${(algorithm[1] && der.oidOf(algorithm[1])) ?? '(none)'} is not supported`);
    const width = curveWidth(curve);
    if (bits.length !== 1 + 2 * width || bits[0] !== 4) return fail('invalid-key', 'the point is not uncompressed');
    return ok({ type: 'ec', curve, x: bits.slice(1, 1 + width), y: bits.slice(1 + width) });
  }
  if (name === RSA_ENCRYPTION || name === RSAES_OAEP) {
    // NULL by RFC 3279 section 2.3.1, and left out by some; an OAEP key may say with what hash it is used.
    const bare = equal(algorithm[1]?.bytes ?? NOTHING, NOTHING);
    if (algorithm.length > 2 || (name === RSA_ENCRYPTION && !bare))
      return fail('invalid-key', 'an RSA public key with parameters');
    const numbers = elementsOf(der.readDer(bits), der.TAG.sequence);
    const modulus = numbers?.[0] && der.unsignedOf(numbers[0]);
    const exponent = numbers?.[1] && der.unsignedOf(numbers[1]);
    if (numbers?.length !== 2 || !modulus || !exponent || exponent.length > 4)
      return fail('invalid-key', 'not an RSA public key');
    return ok({
      type: 'rsa',
      modulus: modulus.slice(),
      exponent: exponentOf(exponent),
    });
  }
  return fail('invalid-key', `the key algorithm ${name ?? '(none)'} is not supported`);
}

/** The canonical SubjectPublicKeyInfo of a key. Coordinates must be of the curve's width. */
export function spkiOf(key: KeyParts): Uint8Array<ArrayBuffer> {
  if (key.type === 'rsa') {
    const body = der.sequence(der.unsigned(key.modulus), der.unsigned(u32be(key.exponent)));
    return der.sequence(RSA_ALGORITHM, der.bitString(body));
  }
  const width = curveWidth(key.curve);
  const [x, y] = [leftPad(key.x, width), leftPad(key.y, width)];
  if (!x || !y) throw new RangeError(`a coordinate is wider than ${key.curve}`);
  return der.sequence(EC_ALGORITHMS[key.curve], der.bitString(uncompressedPoint({ x, y })));
}

/** The curve that an OBJECT IDENTIFIER names. RFC 5480 section 2.1.1.1. */
export function curveOf(node: der.DerNode | undefined): CurveName | undefined {
  const name = node && der.oidOf(node);
  return (Object.keys(CURVES) as CurveName[]).find((candidate) => CURVE_OIDS[candidate] === name);
}

/** Exact for up to six bytes; a longer one is over 32 bits all the same, which no key may have. */
export function exponentOf(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

/** What stands inside an element of this tag; undefined where it is another, or not well-formed. */
export function elementsOf(
  from: der.DerNode | Result<der.DerNode> | undefined,
  tag: number,
): readonly der.DerNode[] | undefined {
  if (!from) return undefined;
  const node = 'ok' in from ? (from.ok ? from.value : undefined) : from;
  if (node?.tag !== tag) return undefined;
  const inside = der.children(node);
  return inside.ok ? inside.value : undefined;
}
