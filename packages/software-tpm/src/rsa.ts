import { concat, equal } from '@sekimori/bytes';
import { type Crypto, der, type HashName, hashLength, type PrivateKey, Secret } from '@sekimori/crypto-core';
import { bytesOf, inverse, power, toBigint } from './numbers.ts';

// RSA with digests and with bare blocks, which the crypto port does not do: it hashes what it signs. RFC 8017.

export interface RsaNumbers {
  readonly n: bigint;
  readonly e: bigint;
  /** In bytes. */
  readonly width: number;
}
interface RsaPrivate extends RsaNumbers {
  readonly d: bigint;
  readonly p: bigint;
  readonly q: bigint;
}

const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';

export function numbersOf(key: { readonly modulus: Uint8Array; readonly exponent: number }): RsaNumbers {
  return { n: toBigint(key.modulus), e: BigInt(key.exponent), width: key.modulus.length };
}

/** One prime of the key: what TPMT_SENSITIVE holds. Part 2, 12.3.2.4. */
export function primeOf(key: PrivateKey): Uint8Array {
  const { p, width } = privateOf(key);
  return bytesOf(p, width / 2);
}

/** The key of a modulus and one of its primes; undefined where the two do not fit. */
export function rsaKeyOf(
  crypto: Crypto,
  modulus: Uint8Array,
  exponent: number,
  prime: Uint8Array,
): PrivateKey | undefined {
  const [n, p, e] = [toBigint(modulus), toBigint(prime), BigInt(exponent)];
  if (p <= 1n || prime.length * 2 !== modulus.length || n % p !== 0n) return undefined;
  const q = n / p;
  const phi = (p - 1n) * (q - 1n);
  if (q <= 1n || phi % e === 0n) return undefined;
  const d = inverse(e, phi);
  const numbers = [0n, n, e, d, p, q, d % (p - 1n), d % (q - 1n), inverse(q, p)].map(der.integer);
  const algorithm = der.sequence(der.oid(RSA_ENCRYPTION), der.nothing());
  const pkcs8 = new Secret(der.sequence(der.integer(0), algorithm, der.octetString(der.sequence(...numbers))));
  const imported = crypto.privateKey(pkcs8);
  pkcs8.wipe();
  return imported.ok ? imported.value : undefined;
}

/** RSAEP and RSAVP1. Undefined for a block that is no number below the modulus. RFC 8017, 5.1.1. */
export function publicOperation({ n, e, width }: RsaNumbers, block: Uint8Array): Uint8Array | undefined {
  const number = toBigint(block);
  return number < n ? bytesOf(power(number, e, n), width) : undefined;
}

/** RSADP and RSASP1. RFC 8017, 5.1.2. */
export function privateOperation(key: PrivateKey, block: Uint8Array): Uint8Array | undefined {
  const { n, d, p, q, width } = privateOf(key);
  const number = toBigint(block);
  if (number >= n) return undefined;
  const [one, two] = [power(number, d % (p - 1n), p), power(number, d % (q - 1n), q)];
  const h = ((((one - two) % p) + p) * inverse(q, p)) % p;
  return bytesOf(two + h * q, width);
}

/** RSAES-PKCS1-v1_5. Undefined for a message too long. RFC 8017, 7.2.1. */
export function pkcs1Encrypt(crypto: Crypto, key: RsaNumbers, message: Uint8Array): Uint8Array | undefined {
  const padding = key.width - message.length - 3;
  if (padding < 8) return undefined;
  const filled = crypto.random(padding).map((byte) => byte || 1);
  return publicOperation(key, concat(Uint8Array.of(0, 2), filled, Uint8Array.of(0), message));
}

/** Undefined for what does not open. RFC 8017, 7.2.2. */
export function pkcs1Decrypt(key: PrivateKey, cipherText: Uint8Array): Uint8Array | undefined {
  const block = privateOperation(key, cipherText);
  if (!block || block[0] !== 0 || block[1] !== 2) return undefined;
  const end = block.indexOf(0, 2);
  return end >= 10 ? block.subarray(end + 1) : undefined;
}

/** RSASSA-PKCS1-v1_5 or RSASSA-PSS with a salt of the digest's length, over a digest. */
export function signDigest(
  crypto: Crypto,
  key: PrivateKey,
  scheme: 'rsassa' | 'rsapss',
  hash: HashName,
  digest: Uint8Array,
): Uint8Array {
  const { n, width } = privateOf(key);
  const block =
    scheme === 'rsassa' ? pkcs1Block(hash, digest, width) : pssBlock(crypto, hash, digest, n.toString(2).length - 1);
  const signature = privateOperation(key, block);
  if (!signature) throw new Error('a padded digest is below the modulus');
  return signature;
}

export function verifiesDigest(
  crypto: Crypto,
  key: RsaNumbers,
  scheme: 'rsassa' | 'rsapss',
  hash: HashName,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const block = signature.length === key.width ? publicOperation(key, signature) : undefined;
  if (!block) return false;
  if (scheme === 'rsassa') return equal(block, pkcs1Block(hash, digest, key.width));
  return pssHolds(crypto, hash, digest, block, key.n.toString(2).length - 1);
}

const parsed = new WeakMap<PrivateKey, RsaPrivate>();

/** RSAPrivateKey inside PKCS#8. RFC 5958, section 2; RFC 8017, A.1.2. */
function privateOf(key: PrivateKey): RsaPrivate {
  const known = parsed.get(key);
  if (known) return known;
  const numbers = key.export().use((bytes) => {
    const wrapped = partsOf(bytes)[2];
    return partsOf(wrapped?.content ?? bytes).map((node) => toBigint(node.content));
  });
  const [, n = 0n, e = 0n, d = 0n, p = 0n, q = 0n] = numbers;
  const made = { n, e, d, p, q, width: Math.ceil(n.toString(2).length / 8) };
  parsed.set(key, made);
  return made;
}

function partsOf(bytes: Uint8Array) {
  const outer = der.readDer(bytes);
  const parts = outer.ok ? der.children(outer.value) : outer;
  if (!parts.ok) throw new Error('a provider exports PKCS#8');
  return parts.value;
}

const HASH_OIDS: Readonly<Record<HashName, string>> = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};

/** EMSA-PKCS1-v1_5. RFC 8017, 9.2. */
function pkcs1Block(hash: HashName, digest: Uint8Array, width: number): Uint8Array {
  const info = der.sequence(der.sequence(der.oid(HASH_OIDS[hash]), der.nothing()), der.octetString(digest));
  const padding = new Uint8Array(width - info.length - 3).fill(0xff);
  return concat(Uint8Array.of(0, 1), padding, Uint8Array.of(0), info);
}

/** EMSA-PSS. RFC 8017, 9.1.1. */
function pssBlock(crypto: Crypto, hash: HashName, digest: Uint8Array, bits: number): Uint8Array {
  const salt = crypto.random(hashLength(hash));
  const h = crypto.hash(hash, concat(new Uint8Array(8), digest, salt));
  const length = Math.ceil(bits / 8);
  const db = new Uint8Array(length - h.length - 1);
  db[db.length - salt.length - 1] = 1;
  db.set(salt, db.length - salt.length);
  const masked = xor(db, mgf1(crypto, hash, h, db.length));
  masked[0] = (masked[0] as number) & topMask(bits, length);
  return concat(masked, h, Uint8Array.of(0xbc));
}

/** Any length of salt. RFC 8017, 9.1.2. */
function pssHolds(crypto: Crypto, hash: HashName, digest: Uint8Array, block: Uint8Array, bits: number): boolean {
  const length = Math.ceil(bits / 8);
  const em = block.subarray(block.length - length);
  const size = hashLength(hash);
  if (em.at(-1) !== 0xbc) return false;
  const [masked, h] = [em.subarray(0, -size - 1), em.subarray(-size - 1, -1)];
  if (((masked[0] as number) & ~topMask(bits, length)) !== 0) return false;
  const db = xor(masked, mgf1(crypto, hash, h, masked.length));
  db[0] = (db[0] as number) & topMask(bits, length);
  const one = db.findIndex((byte) => byte !== 0);
  if (one < 0 || db[one] !== 1) return false;
  return equal(h, crypto.hash(hash, concat(new Uint8Array(8), digest, db.subarray(one + 1))));
}

function topMask(bits: number, length: number): number {
  return 0xff >> (8 * length - bits);
}

/** RFC 8017, B.2.1. */
function mgf1(crypto: Crypto, hash: HashName, seed: Uint8Array, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / hashLength(hash)) }, (_, i) =>
    crypto.hash(hash, concat(seed, bytesOf(BigInt(i), 4))),
  );
  return concat(...blocks).subarray(0, length);
}

function xor(one: Uint8Array, two: Uint8Array): Uint8Array {
  return one.map((byte, i) => byte ^ (two[i] as number));
}
