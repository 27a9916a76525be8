import type { Fault, Result } from '@sekimori/result';
import type { CurveName, HashName, SignatureAlgorithm } from './algorithms.ts';
import type { EcPublicKey, PublicKey, RsaPublicKey } from './public-key.ts';
import type { Secret } from './secret.ts';

/** A symmetric key: wrapped where it lives on, bare where it is derived and forgotten at once. */
export type KeyMaterial = Secret | Uint8Array;

export type PublicKeySpec =
  | { readonly type: 'spki'; readonly der: Uint8Array }
  | { readonly type: 'rsa'; readonly modulus: Uint8Array; readonly exponent: number }
  | { readonly type: 'ec'; readonly curve: CurveName; readonly x: Uint8Array; readonly y: Uint8Array };

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
  /** AES-CFB128, as TPM parameter encryption and credential blobs use it. Never without a MAC. */
  aesCfb(direction: 'encrypt' | 'decrypt', key: KeyMaterial, iv: Uint8Array, data: Uint8Array): Uint8Array;
  /** From the operating system's CSPRNG. */
  random(length: number): Uint8Array;
  /** Checks the key: RSA 2048 to 8192 bits with an odd exponent over 2; EC points on their curve. */
  publicKey(spec: PublicKeySpec): Result<PublicKey, Fault<'invalid-key'>>;
  /** False for a wrong signature, and for a key or a signature that does not fit the algorithm. */
  verify(key: PublicKey, algorithm: SignatureAlgorithm, data: Uint8Array, signature: Uint8Array): boolean;
  /** One-sided ECDH with a fresh key; the shared secret is the x-coordinate, of the curve's width. */
  agreeEphemeral(peer: EcPublicKey): { readonly publicKey: EcPublicKey; readonly sharedSecret: Secret };
  /** RSAES-OAEP, MGF1 with the same hash. RFC 8017 section 7.1. Throws when the plaintext is too long for the key. */
  rsaOaepEncrypt(key: RsaPublicKey, hash: HashName, label: Uint8Array, plaintext: Uint8Array): Uint8Array;
  generateKey(spec: KeySpec): Promise<PrivateKey>;
  /** From PKCS#8 DER. */
  privateKey(pkcs8: Secret): Result<PrivateKey, Fault<'invalid-key'>>;
}

/** What an issuer or signer needs of a key, wherever it lives. ECDSA signatures are raw r||s. */
export interface SigningKey {
  readonly publicKey: PublicKey;
  readonly algorithm: SignatureAlgorithm;
  sign(data: Uint8Array): Promise<Uint8Array>;
}

export interface AgreementKey {
  readonly publicKey: EcPublicKey;
  /** ECDH: the x-coordinate of the shared point, of the curve's width. */
  agree(peer: EcPublicKey): Promise<Secret>;
}

export interface DecryptionKey {
  readonly publicKey: RsaPublicKey;
  /** Undefined when the ciphertext does not open; no reason is told. */
  decrypt(hash: HashName, label: Uint8Array, ciphertext: Uint8Array): Promise<Secret | undefined>;
}

/** A private key of a provider, held in process memory. */
export interface PrivateKey {
  readonly publicKey: PublicKey;
  sign(algorithm: SignatureAlgorithm, data: Uint8Array): Promise<Uint8Array>;
  /** Rejects for an RSA key or another curve. */
  agree(peer: EcPublicKey): Promise<Secret>;
  /** RSAES-OAEP. Rejects for an EC key. */
  decrypt(hash: HashName, label: Uint8Array, ciphertext: Uint8Array): Promise<Secret | undefined>;
  /** PKCS#8 DER. */
  export(): Secret;
}
