import { equal, leftPad } from '@sekimori/bytes';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { type CurveName, curveWidth } from './algorithms.ts';
import * as der from './der.ts';
import { uncompressedPoint } from './ec-point.ts';
import { secretAndWipe } from './key-material.ts';
import type { EcPublicKey } from './public-key.ts';
import type { Secret } from './secret.ts';
import {
  curveOf,
  EC_ALGORITHMS,
  EC_PUBLIC_KEY,
  elementsOf,
  exponentOf,
  RSA_ALGORITHM,
  RSA_ENCRYPTION,
} from './spki.ts';

/** What a PrivateKeyInfo says. */
export type PrivateParts =
  | {
      readonly type: 'ec';
      readonly curve: CurveName;
      /** Big-endian, of the curve's width: a copy, for the caller to wipe. Its range is not checked. */
      readonly scalar: Uint8Array;
      /** As it stands in the key, where it does: the caller compares it with the scalar's own point. */
      readonly point: Uint8Array | undefined;
    }
  | {
      readonly type: 'rsa';
      readonly modulus: Uint8Array;
      readonly exponent: number;
      /** RSAPrivateKey, DER: lies in the bytes given. */
      readonly body: Uint8Array;
    };

/**
 * A PKCS#8 PrivateKeyInfo (RFC 5208 section 5; also version 1 of RFC 5958): an ECPrivateKey on a named curve (RFC 5915
 * section 3) or an RSAPrivateKey of two primes whose product is its modulus (RFC 8017 appendix A.1.2). `invalid-key` for
 * all else, and for a byte left over. Attributes are passed over. The key's other numbers are not checked for each other.
 */
export function parsePkcs8(bytes: Uint8Array): Result<PrivateParts, Fault<'invalid-key'>> {
  const [version, algorithmNode, octets, ...optional] = elementsOf(der.readDer(bytes), der.TAG.sequence) ?? [];
  const algorithm = elementsOf(algorithmNode, der.TAG.sequence);
  const known = optional.every(({ tag }) => tag === ATTRIBUTES || tag === PUBLIC_KEY) && optional.length <= 2;
  if (!isSmall(version, 0, 1) || !algorithm?.[0] || octets?.tag !== der.TAG.octetString || !known)
    return fail('invalid-key', 'not a PKCS#8 private key');
  const name = der.oidOf(algorithm[0]);
  if (name === EC_PUBLIC_KEY) return parseEc(curveOf(algorithm[1]), octets.content);
  if (name === RSA_ENCRYPTION) return parseRsa(octets.content);
  return fail('invalid-key', `the key algorithm ${name ?? '(none)'} is not supported`);
}

/** The canonical PrivateKeyInfo of an EC key, with its point. */
export function ecPkcs8(publicKey: EcPublicKey, scalar: Secret): Secret {
  const { curve } = publicKey;
  const zeros = new Uint8Array(curveWidth(curve));
  const point = der.tagged(1, der.bitString(uncompressedPoint(publicKey)));
  // Written with zeros first, so that no copy of the secret is left behind in a half-made structure.
  const body = der.sequence(der.integer(1), der.octetString(zeros), point);
  const whole = der.sequence(der.integer(0), EC_ALGORITHMS[curve], der.octetString(body));
  scalar.use((bytes) => whole.set(bytes, whole.length - point.length - zeros.length));
  return secretAndWipe(whole);
}

/** The canonical PrivateKeyInfo around an RSAPrivateKey. */
export function rsaPkcs8(body: Uint8Array): Secret {
  const octets = der.octetString(body);
  const whole = der.sequence(der.integer(0), RSA_ALGORITHM, octets);
  octets.fill(0);
  return secretAndWipe(whole);
}

const ATTRIBUTES = 0xa0;
const PUBLIC_KEY = 0x81;
const RSA_NUMBERS = 9;

function parseEc(curve: CurveName | undefined, body: Uint8Array): Result<PrivateParts, Fault<'invalid-key'>> {
  if (!curve) return fail('invalid-key', 'the curve is not supported');
  const [version, octets, ...optional] = elementsOf(der.readDer(body), der.TAG.sequence) ?? [];
  const scalar = octets?.tag === der.TAG.octetString ? leftPad(octets.content, curveWidth(curve)) : undefined;
  if (!isSmall(version, 1) || !scalar) return fail('invalid-key', 'not an EC private key');
  let point: Uint8Array | undefined;
  for (const node of optional) {
    const inside = der.readDer(node.content);
    const parameters = node.tag === 0xa0 && inside.ok && curveOf(inside.value) === curve;
    const bits = node.tag === 0xa1 && inside.ok ? der.bitsOf(inside.value) : undefined;
    if (!parameters && (!bits || point)) return fail('invalid-key', 'not an EC private key');
    point ??= bits;
  }
  return ok({ type: 'ec', curve, scalar, point });
}

function parseRsa(body: Uint8Array): Result<PrivateParts, Fault<'invalid-key'>> {
  const [version, ...numbers] = elementsOf(der.readDer(body), der.TAG.sequence) ?? [];
  const [modulus, exponent, , p, q] = numbers.map(der.unsignedOf);
  const complete =
    numbers.length === RSA_NUMBERS - 1 && numbers.every((node) => der.unsignedOf(node)?.length && isMinimal(node));
  if (!isSmall(version, 0) || !complete || !modulus || !exponent || !p || !q)
    return fail('invalid-key', 'not an RSA private key of two primes');
  // Primes of the same length are the rule; 1 and the modulus itself are none at all.
  if (4 * Math.min(p.length, q.length) < modulus.length) return fail('invalid-key', 'a prime is far too short');
  if (!isProduct(modulus, p, q)) return fail('invalid-key', 'the modulus is not the product of the primes');
  return ok({ type: 'rsa', modulus: modulus.slice(), exponent: exponentOf(exponent), body });
}

function isSmall(node: der.DerNode | undefined, ...values: readonly number[]): boolean {
  return node?.tag === der.TAG.integer && node.content.length === 1 && values.includes(node.content[0] as number);
}

/** Without a zero too many, which readers of DER refuse. X.690 section 8.3.2. */
function isMinimal({ content }: der.DerNode): boolean {
  return content.length === 1 || content[0] !== 0 || (content[1] as number) >= 0x80;
}

/** Schoolbook over bytes: the primes are secret, and a BigInt could not be wiped. Nothing is left but the product. */
function isProduct(product: Uint8Array, a: Uint8Array, b: Uint8Array): boolean {
  const out = new Uint8Array(a.length + b.length);
  for (let i = a.length - 1; i >= 0; i--) {
    let carry = 0;
    for (let j = b.length - 1; j >= 0; j--) {
      carry += (a[i] as number) * (b[j] as number) + (out[i + j + 1] as number);
      out[i + j + 1] = carry & 0xff;
      carry >>>= 8;
    }
    out[i] = carry;
  }
  const padded = leftPad(product, out.length);
  return padded !== undefined && equal(padded, out);
}
