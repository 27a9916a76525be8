import { concat, equal, fromHex, toHex } from '@sekimori/bytes';
import { type HashName, hashLength, hashOf, type SignatureAlgorithm, signatureFamily } from '../algorithms.ts';
import * as der from '../der.ts';
import type { RsaPublicKey } from '../public-key.ts';
import { mgf1, NOBLE_HASH, xorInto } from './hashes.ts';

/** RSASSA-PKCS1-v1_5 and RSASSA-PSS. RFC 8017 sections 8.2.2 and 8.1.2. */
export function rsaVerify(
  key: RsaPublicKey,
  algorithm: SignatureAlgorithm,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const encoded = rsaPublic(key, signature);
  if (!encoded) return false;
  const hash = hashOf(algorithm);
  const digest = NOBLE_HASH[hash](data);
  if (signatureFamily(algorithm) === 'rsapss') return pssHolds(hash, digest, encoded, key.bits - 1);
  // The whole encoding is made again and compared, so nothing of it is parsed.
  return equal(encoded, pkcs1Encoding(hash, digest, encoded.length));
}

/** RSAES-OAEP with MGF1 over the same hash. RFC 8017 section 7.1.1. `random` gives the seed. */
export function oaepEncrypt(
  key: RsaPublicKey,
  hash: HashName,
  label: Uint8Array,
  plaintext: Uint8Array,
  random: (length: number) => Uint8Array,
): Uint8Array {
  const [length, width] = [key.modulus.length, hashLength(hash)];
  const room = length - 2 * width - 2;
  if (plaintext.length > room) throw new RangeError(`${plaintext.length} bytes are too long; ${Math.max(room, 0)} fit`);
  const encoded = new Uint8Array(length);
  const seed = encoded.subarray(1, 1 + width);
  const block = encoded.subarray(1 + width);
  seed.set(random(width));
  block.set(NOBLE_HASH[hash](label));
  block[block.length - plaintext.length - 1] = 1;
  block.set(plaintext, block.length - plaintext.length);
  xorInto(block, mgf1(hash, seed, block.length));
  xorInto(seed, mgf1(hash, block, width));
  const ciphertext = rsaPublic(key, encoded);
  encoded.fill(0);
  if (!ciphertext) throw new Error('the encoding begins with a zero, so it is below the modulus');
  return ciphertext;
}

/** A key is used many times, and making a BigInt of its modulus costs a tenth of a verification. */
const moduli = new WeakMap<RsaPublicKey, bigint>();
const HASH_OIDS: Readonly<Record<HashName, string>> = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};

/** RSAEP and RSAVP1, RFC 8017 sections 5.1.1 and 5.2.2: undefined unless as long as the modulus and below it. */
function rsaPublic(key: RsaPublicKey, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length !== key.modulus.length) return undefined;
  const modulus = moduli.get(key) ?? numberOf(key.modulus);
  moduli.set(key, modulus);
  const base = numberOf(bytes);
  if (base >= modulus) return undefined;
  let power = 1n;
  for (let bit = 31 - Math.clz32(key.exponent); bit >= 0; bit--) {
    power = (power * power) % modulus;
    if ((key.exponent >>> bit) & 1) power = (power * base) % modulus;
  }
  return fromHex(power.toString(16).padStart(2 * key.modulus.length, '0'));
}

/** EMSA-PKCS1-v1_5: 00 01 FF … FF 00 DigestInfo, the hash's parameters NULL. RFC 8017 section 9.2. */
function pkcs1Encoding(hash: HashName, digest: Uint8Array, length: number): Uint8Array {
  const info = der.sequence(der.sequence(der.oid(HASH_OIDS[hash]), der.nothing()), der.octetString(digest));
  const out = new Uint8Array(length).fill(0xff);
  out[0] = 0;
  out[1] = 1;
  out[length - info.length - 1] = 0;
  out.set(info, length - info.length);
  return out;
}

/** EMSA-PSS verification, any salt length. RFC 8017 section 9.1.2. */
function pssHolds(hash: HashName, digest: Uint8Array, message: Uint8Array, bits: number): boolean {
  const width = hashLength(hash);
  const length = Math.ceil(bits / 8);
  // One byte shorter than the modulus where that has a bit more than whole bytes.
  if (message.length > length && message[0] !== 0) return false;
  const encoded = message.subarray(message.length - length);
  if (length < width + 2 || encoded.at(-1) !== 0xbc) return false;
  const block = encoded.slice(0, length - width - 1);
  const expected = encoded.subarray(block.length, length - 1);
  const unused = 8 * length - bits;
  if ((block[0] as number) >>> (8 - unused) !== 0) return false;
  xorInto(block, mgf1(hash, expected, block.length));
  (block[0] as number) &= 0xff >>> unused;
  const one = block.findIndex((byte) => byte !== 0);
  if (one === -1 || block[one] !== 1) return false;
  const salt = block.subarray(one + 1);
  return equal(NOBLE_HASH[hash](concat(new Uint8Array(8), digest, salt)), expected);
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}
