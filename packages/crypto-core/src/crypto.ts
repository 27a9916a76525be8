import type { Fault, Result } from '@sekimori/result';
import type { CurveName, HashName, SignatureAlgorithm } from './algorithms.ts';
import type { EcPublicKey, PublicKey, RsaPublicKey } from './public-key.ts';
import type { Secret } from './secret.ts';

/** A symmetric key: wrapped where it lives on, bare where it is derived and forgotten at once. */
export type KeyMaterial = Secret | Uint8Array;

/**
 * A public key from outside: SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7, DER), or its parts as big-endian numbers of
 * any width up to the key's.
 */
export type PublicKeySpec =
  | { readonly type: 'spki'; readonly der: Uint8Array }
  | { readonly type: 'rsa'; readonly modulus: Uint8Array; readonly exponent: number }
  | { readonly type: 'ec'; readonly curve: CurveName; readonly x: Uint8Array; readonly y: Uint8Array };

/** A key to be made. RSA keys get the exponent 65537. */
export type KeySpec =
  | { readonly type: 'ec'; readonly curve: CurveName }
  | { readonly type: 'rsa'; readonly bits: 2048 | 3072 | 4096 };

/**
 * The one port to cryptography. Everything but private-key operations is synchronous, in every provider; private-key
 * operations return promises, since an HSM or WebCrypto may stand behind them. Wrong lengths of keys and nonces throw
 * (a bug of the caller); what comes from outside gives false, undefined or a Fault.
 */
export interface Crypto {
  hash(name: HashName, data: Uint8Array): Uint8Array;
  hmac(name: HashName, key: KeyMaterial, data: Uint8Array): Uint8Array;
  /** HKDF, RFC 5869. */
  hkdf(name: HashName, secret: KeyMaterial, salt: Uint8Array, info: Uint8Array, length: number): Secret;
  /** AES-GCM with a 12-byte nonce: ciphertext || 16-byte tag. NIST SP 800-38D. */
  aesGcmSeal(key: KeyMaterial, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array;
  /** Undefined when the tag does not hold. */
  aesGcmOpen(key: KeyMaterial, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | undefined;
  /**
   * AES-CFB128 (NIST SP 800-38A) with a key of 16, 24 or 32 bytes and a vector of 16, as TPM parameter encryption and
   * credential blobs use it. Never without a MAC.
   */
  aesCfb(direction: 'encrypt' | 'decrypt', key: KeyMaterial, iv: Uint8Array, data: Uint8Array): Uint8Array;
  /** From the operating system's CSPRNG. */
  random(length: number): Uint8Array;
  /**
   * Checks the key. `invalid-key`: RSA of other than 2048 to 8192 bits, with an even modulus, or an exponent that is even,
   * below 3 or over 32 bits; an EC point that is not on its curve; another algorithm or curve; not an SPKI.
   */
  publicKey(spec: PublicKeySpec): Result<PublicKey, Fault<'invalid-key'>>;
  /**
   * False for a wrong signature, and for a key or a signature that does not fit the algorithm: another length, ECDSA numbers
   * that are not from 1 to the order less 1, an RSA number that is not below the modulus. Either s of ECDSA is good.
   */
  verify(key: PublicKey, algorithm: SignatureAlgorithm, data: Uint8Array, signature: Uint8Array): boolean;
  /** One-sided ECDH with a fresh key; the shared secret is the x-coordinate, of the curve's width. */
  agreeEphemeral(peer: EcPublicKey): { readonly publicKey: EcPublicKey; readonly sharedSecret: Secret };
  /** RSAES-OAEP, MGF1 with the same hash. RFC 8017 section 7.1. Throws when the plaintext is too long for the key. */
  rsaOaepEncrypt(key: RsaPublicKey, hash: HashName, label: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** A fresh key that is in this process alone. */
  generateKey(spec: KeySpec): Promise<PrivateKey>;
  /**
   * From PKCS#8 DER (RFC 5208): an EC key on a named curve, or RSA of two primes. `invalid-key`: another form, a byte left
   * over, a public half that `publicKey` refuses, an EC scalar out of range or beside another key's point, an RSA modulus that
   * is not the product of its primes. The secret may be wiped afterwards.
   */
  privateKey(pkcs8: Secret): Result<PrivateKey, Fault<'invalid-key'>>;
}

/** What an issuer or signer needs of a key, wherever it lives. ECDSA signatures are raw r||s. */
export interface SigningKey {
  readonly publicKey: PublicKey;
  readonly algorithm: SignatureAlgorithm;
  /** Rejects where the key cannot be reached. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** What an owner of an EC key agrees with, wherever the key lives. */
export interface AgreementKey {
  readonly publicKey: EcPublicKey;
  /** ECDH: the x-coordinate of the shared point, of the curve's width. */
  agree(peer: EcPublicKey): Promise<Secret>;
}

/** What opens RSAES-OAEP, wherever the key lives. */
export interface DecryptionKey {
  readonly publicKey: RsaPublicKey;
  /** Undefined when the ciphertext does not open; no reason is told. */
  decrypt(hash: HashName, label: Uint8Array, ciphertext: Uint8Array): Promise<Secret | undefined>;
}

/** A private key of a provider, held in process memory. */
export interface PrivateKey {
  readonly publicKey: PublicKey;
  /** RSAPSS with a salt as long as the hash. Rejects when the algorithm does not fit the key. */
  sign(algorithm: SignatureAlgorithm, data: Uint8Array): Promise<Uint8Array>;
  /** Rejects for an RSA key or another curve. */
  agree(peer: EcPublicKey): Promise<Secret>;
  /** RSAES-OAEP: undefined when the ciphertext does not open. Rejects for an EC key. */
  decrypt(hash: HashName, label: Uint8Array, ciphertext: Uint8Array): Promise<Secret | undefined>;
  /** PKCS#8 DER, canonical: a Secret of its own each time, for the caller to wipe. */
  export(): Secret;
}
