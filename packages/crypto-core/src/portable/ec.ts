import { p256, p384, p521 } from '@noble/curves/nist.js';
import { type CurveName, curveWidth, fitsKey, hashOf, type SignatureAlgorithm } from '../algorithms.ts';
import type { PrivateKey } from '../crypto.ts';
import { uncompressedPoint } from '../ec-point.ts';
import { secretAndWipe } from '../key-material.ts';
import { ecPkcs8 } from '../pkcs8.ts';
import type { EcPublicKey } from '../public-key.ts';
import { Secret } from '../secret.ts';
import { NOBLE_HASH } from './hashes.ts';

const NOBLE_CURVE = { 'P-256': p256, 'P-384': p384, 'P-521': p521 } as const;

/** Also false for coordinates that are not below the prime, and for the point at infinity. */
export function isOnCurve(key: Pick<EcPublicKey, 'curve' | 'x' | 'y'>): boolean {
  return NOBLE_CURVE[key.curve].utils.isValidPublicKey(uncompressedPoint(key), false);
}

/** ECDSA, FIPS 186-5 section 6.4.2. Both halves of the range of s are good: the low half is a rule of blockchains. */
export function ecdsaVerify(
  key: EcPublicKey,
  algorithm: SignatureAlgorithm,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== 2 * curveWidth(key.curve)) return false;
  const digest = NOBLE_HASH[hashOf(algorithm)](data);
  return NOBLE_CURVE[key.curve].verify(signature, digest, uncompressedPoint(key), EITHER_HALF);
}

/** The uncompressed point; undefined for a scalar that is not from 1 to the order less 1. */
export function pointOf(curve: CurveName, scalar: Uint8Array): Uint8Array | undefined {
  const { utils, getPublicKey } = NOBLE_CURVE[curve];
  return utils.isValidSecretKey(scalar) ? getPublicKey(scalar, false) : undefined;
}

/** `random` gives the seed. The scalar is nearly uniform: half as many bits again are reduced. */
export function newScalar(curve: CurveName, random: (length: number) => Uint8Array): Secret {
  const { utils, lengths } = NOBLE_CURVE[curve];
  const seed = random(lengths.seed as number);
  const scalar = secretAndWipe(utils.randomSecretKey(seed));
  seed.fill(0);
  return scalar;
}

/** ECDH: the x-coordinate, of the curve's width. NIST SP 800-56A section 5.7.1.2. */
export function sharedX(curve: CurveName, scalar: Secret, peer: EcPublicKey): Secret {
  const point = scalar.use((bytes) => NOBLE_CURVE[curve].getSharedSecret(bytes, uncompressedPoint(peer), false));
  const x = new Secret(point.subarray(1, 1 + curveWidth(curve)));
  point.fill(0);
  return x;
}

/** Takes the scalar over: it lives as long as the key. */
export function ecPrivateKey(publicKey: EcPublicKey, scalar: Secret): PrivateKey {
  const { curve } = publicKey;
  return {
    publicKey,
    sign: async (algorithm, data) => {
      if (!fitsKey('ec', algorithm)) throw new Error(`${algorithm} does not fit this key`);
      const digest = NOBLE_HASH[hashOf(algorithm)](data);
      // Fresh random bytes beside the message and the key: neither a bad generator nor a repeated fault gives the key away.
      return scalar.use((bytes) => NOBLE_CURVE[curve].sign(digest, bytes, { ...EITHER_HALF, extraEntropy: true }));
    },
    agree: async (peer) => {
      if (peer.curve !== curve) throw new Error('the keys are not on one curve');
      return sharedX(curve, scalar, peer);
    },
    decrypt: async () => {
      throw new Error('not an RSA key');
    },
    export: () => ecPkcs8(publicKey, scalar),
  };
}

const EITHER_HALF = { prehash: false, lowS: false } as const;
