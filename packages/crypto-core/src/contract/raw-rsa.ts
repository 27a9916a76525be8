import { concat, fromHex, toHex } from '@sekimori/bytes';
import { type HashName, hashLength } from '../algorithms.ts';
import type { Crypto } from '../crypto.ts';
import * as der from '../der.ts';
import { Secret } from '../secret.ts';
import { WYCHEPROOF_RSA } from './published.ts';

/** Signatures that no sound signer makes, by a key that everybody knows. */

const MODULUS = numberOf(WYCHEPROOF_RSA.modulus);
export const WIDTH = WYCHEPROOF_RSA.modulus.length;

/** RSASP1, RFC 8017 section 5.2.1: what decrypts to `encoded`, whatever that is. */
export function rawSign(encoded: Uint8Array): Uint8Array {
  let power = 1n;
  const base = numberOf(encoded);
  for (const bit of numberOf(WYCHEPROOF_RSA.privateExponent).toString(2)) {
    power = (power * power) % MODULUS;
    if (bit === '1') power = (power * base) % MODULUS;
  }
  return bytesOf(power);
}

/** The signature and the modulus together: the same number modulo the modulus. Undefined where that has a byte more. */
export function plusModulus(signature: Uint8Array): Uint8Array | undefined {
  const sum = numberOf(signature) + MODULUS;
  return sum >> BigInt(8 * WIDTH) ? undefined : bytesOf(sum);
}

/** DigestInfo with SHA-256, RFC 8017 section 9.2 note 1. */
export function digestInfo(digest: Uint8Array): Uint8Array {
  const sha256 = der.sequence(der.oid('2.16.840.1.101.3.4.2.1'), der.nothing());
  return der.sequence(sha256, der.octetString(digest));
}

/** EMSA-PSS with this salt, RFC 8017 section 9.1.1. */
export function pssEncoding(crypto: Crypto, hash: HashName, data: Uint8Array, salt: Uint8Array): Uint8Array {
  const digest = crypto.hash(hash, concat(new Uint8Array(8), crypto.hash(hash, data), salt));
  const block = new Uint8Array(WIDTH - digest.length - 1);
  block[block.length - salt.length - 1] = 1;
  block.set(salt, block.length - salt.length);
  for (let at = 0, counter = 0; at < block.length; at += digest.length, counter++) {
    const mask = crypto.hash(hash, concat(digest, Uint8Array.of(0, 0, 0, counter)));
    mask.forEach((byte, offset) => {
      if (at + offset < block.length) block[at + offset]! ^= byte;
    });
  }
  block[0]! &= 0x7f;
  return concat(block, digest, Uint8Array.of(0xbc));
}

/** The longest salt that fits. */
export function longestSalt(hash: HashName): number {
  return WIDTH - hashLength(hash) - 2;
}

/** RSAPrivateKey, RFC 8017 appendix A.1.2. */
interface RsaNumbers {
  readonly version: number;
  readonly modulus: Uint8Array;
  readonly exponent: number;
  readonly privateExponent: Uint8Array;
  readonly primes: readonly Uint8Array[];
  readonly exponents: readonly Uint8Array[];
  readonly coefficient: Uint8Array;
}

/** The known key as PKCS#8, or one with other numbers in it. */
export function rsaPkcs8Of(changes: Partial<RsaNumbers> = {}, write = der.unsigned): Secret {
  const key: RsaNumbers = { version: 0, ...WYCHEPROOF_RSA, ...changes };
  const body = der.sequence(
    der.integer(key.version),
    der.unsigned(key.modulus),
    der.integer(key.exponent),
    ...[key.privateExponent, ...key.primes, ...key.exponents, key.coefficient].map(write),
  );
  return pkcs8Of(der.sequence(der.oid('1.2.840.113549.1.1.1'), der.nothing()), body);
}

export function pkcs8Of(algorithm: Uint8Array, body: Uint8Array): Secret {
  return new Secret(der.sequence(der.integer(0), algorithm, der.octetString(body)));
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}

function bytesOf(value: bigint): Uint8Array<ArrayBuffer> {
  return fromHex(value.toString(16).padStart(2 * WIDTH, '0'))!;
}
