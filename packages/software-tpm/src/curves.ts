import {
  type Crypto,
  type CurveName,
  curveWidth,
  der,
  type EcPublicKey,
  type PrivateKey,
  Secret,
} from '@sekimori/crypto-core';
import { bytesOf, inverse, mod, power, toBigint } from './numbers.ts';

/** y² = x³ - 3x + b over a prime field p, of prime order n. FIPS 186-5, SP 800-186 section 3.2.1. */
interface Curve {
  readonly oid: string;
  readonly p: bigint;
  readonly b: bigint;
  readonly n: bigint;
  readonly gx: bigint;
  readonly gy: bigint;
}

const CURVES: Readonly<Record<CurveName, Curve>> = {
  'P-256': {
    oid: '1.2.840.10045.3.1.7',
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    gx: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
    gy: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  },
  'P-384': {
    oid: '1.3.132.0.34',
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    gx: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
    gy: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
  },
  'P-521': {
    oid: '1.3.132.0.35',
    p: (1n << 521n) - 1n,
    b: 0x051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    n: 0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    gx: 0x00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66n,
    gy: 0x011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650n,
  },
};

/** A private key whose scalar is known, so that it follows from a seed and can give whole points. */
export interface EcKey {
  readonly curve: CurveName;
  readonly scalar: bigint;
  readonly privateKey: PrivateKey;
}

/** `material`: 64 bits more than the order has, or so, to come out even. FIPS 186-5, A.2.1. */
export function ecKeyFrom(crypto: Crypto, curve: CurveName, material: Secret): EcKey {
  const { n } = CURVES[curve];
  const scalar = material.use((bytes) => toBigint(bytes) % (n - 1n)) + 1n;
  return ecKeyOf(crypto, curve, scalar);
}

/** Throws for a scalar that is no private key. */
export function ecKeyOf(crypto: Crypto, curve: CurveName, scalar: bigint): EcKey {
  const algorithm = der.sequence(der.oid(EC_PUBLIC_KEY), der.oid(CURVES[curve].oid));
  // ECPrivateKey, RFC 5915 section 3, without its public key: the provider computes that.
  const key = der.sequence(der.integer(1), der.octetString(toBytes(scalar, curve)));
  const pkcs8 = new Secret(der.sequence(der.integer(0), algorithm, der.octetString(key)));
  const imported = crypto.privateKey(pkcs8);
  pkcs8.wipe();
  if (!imported.ok) throw new Error(`a scalar was refused: ${imported.fault.detail}`);
  return { curve, scalar, privateKey: imported.value };
}

/**
 * TPM2_ECDH_ZGen gives the whole point Z = d·Q, the crypto port its x alone. y is a square root, ±y; which one, the
 * x-coordinate of Z + Q = (d+1)·Q tells.
 */
export async function sharedPoint(
  crypto: Crypto,
  key: EcKey,
  peer: EcPublicKey,
): Promise<{ readonly x: Uint8Array; readonly y: Uint8Array }> {
  const { p, b } = CURVES[key.curve];
  const next = ecKeyOf(crypto, key.curve, key.scalar + 1n);
  const [x, nextX] = [await xOfShared(key, peer), await xOfShared(next, peer)];
  const root = power(mod(x * x * x - 3n * x + b, p), (p + 1n) / 4n, p); // p = 3 mod 4 for all of these
  const [peerX, peerY] = [toBigint(peer.x), toBigint(peer.y)];
  const slope = mod((root - peerY) * power(mod(x - peerX, p), p - 2n, p), p);
  const y = mod(slope * slope - x - peerX, p) === nextX ? root : p - root;
  return { x: toBytes(x, key.curve), y: toBytes(y, key.curve) };
}

/**
 * ECDSA over a digest: the crypto port hashes what it verifies, and TPM2_VerifySignature gets the digest alone. FIPS 186-5, 6.4.2.
 * Not in constant time: all of it is public.
 */
export function verifiesDigest(
  key: EcPublicKey,
  digest: Uint8Array,
  signature: { readonly r: Uint8Array; readonly s: Uint8Array },
): boolean {
  const curve = CURVES[key.curve];
  const { n, gx, gy } = curve;
  const [r, s] = [toBigint(signature.r), toBigint(signature.s)];
  if (r === 0n || r >= n || s === 0n || s >= n) return false;
  const e = numberOf(digest, n);
  const w = inverse(s, n);
  const point = add(
    curve,
    multiply(curve, { x: gx, y: gy }, mod(e * w, n)),
    multiply(curve, { x: toBigint(key.x), y: toBigint(key.y) }, mod(r * w, n)),
  );
  return point !== undefined && mod(point.x, n) === r;
}

/**
 * ECDSA over a digest, which the crypto port would hash once more. FIPS 186-5, 6.4.1: k and the x-coordinate of k·G are a fresh
 * key of the provider.
 */
export function signDigest(
  crypto: Crypto,
  key: EcKey,
  digest: Uint8Array,
): { readonly r: Uint8Array; readonly s: Uint8Array } {
  const { n } = CURVES[key.curve];
  const e = numberOf(digest, n);
  for (;;) {
    const ephemeral = ecKeyFrom(crypto, key.curve, new Secret(crypto.random(curveWidth(key.curve) + 8)));
    const { publicKey } = ephemeral.privateKey;
    const r = publicKey.type === 'ec' ? mod(toBigint(publicKey.x), n) : 0n;
    const s = mod(inverse(ephemeral.scalar, n) * (e + r * key.scalar), n);
    if (r !== 0n && s !== 0n) return { r: toBytes(r, key.curve), s: toBytes(s, key.curve) };
  }
}

/** The private key of bytes from outside; undefined for what is none on this curve. */
export function ecKeyOfBytes(crypto: Crypto, curve: CurveName, bytes: Uint8Array): EcKey | undefined {
  const scalar = toBigint(bytes);
  return scalar > 0n && scalar < CURVES[curve].n ? ecKeyOf(crypto, curve, scalar) : undefined;
}

/** TPMT_SENSITIVE's form of it. Part 2, 12.3.2.4. */
export function scalarBytes(key: EcKey): Uint8Array {
  return toBytes(key.scalar, key.curve);
}

/** The leftmost bits of a digest, as many as the order has. */
function numberOf(digest: Uint8Array, n: bigint): bigint {
  return toBigint(digest) >> BigInt(Math.max(0, 8 * digest.length - n.toString(2).length));
}

/** Undefined: the point at infinity. */
type Point = { readonly x: bigint; readonly y: bigint } | undefined;

function multiply(curve: Curve, point: Point, scalar: bigint): Point {
  let sum: Point;
  for (let double = point, left = scalar; left > 0n; left >>= 1n, double = add(curve, double, double))
    if (left & 1n) sum = add(curve, sum, double);
  return sum;
}

function add({ p }: Curve, a: Point, b: Point): Point {
  if (!a || !b) return a ?? b;
  if (a.x === b.x && mod(a.y + b.y, p) === 0n) return undefined;
  const slope =
    a.x === b.x ? (3n * a.x * a.x - 3n) * inverse(2n * a.y, p) : (b.y - a.y) * inverse(mod(b.x - a.x, p), p);
  const x = mod(slope * slope - a.x - b.x, p);
  return { x, y: mod(slope * (a.x - x) - a.y, p) };
}

const EC_PUBLIC_KEY = '1.2.840.10045.2.1';

async function xOfShared(key: EcKey, peer: EcPublicKey): Promise<bigint> {
  const shared = await key.privateKey.agree(peer);
  const x = shared.use(toBigint);
  shared.wipe();
  return x;
}

function toBytes(value: bigint, curve: CurveName): Uint8Array {
  return bytesOf(value, curveWidth(curve));
}
