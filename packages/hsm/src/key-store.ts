import type { AgreementKey, KeySpec, PublicKey, SignatureAlgorithm, SigningKey } from '@sekimori/crypto-core';
import type { Fault, Result } from '@sekimori/result';
import type { KeyName } from './key-name.ts';

/** What a key may do, fixed when it is made: a key that signs never agrees. */
export type KeyUse = 'sign' | 'agree';

/** An RSA key can only sign here; unwrapping with RSA comes with RSA guardians. */
export type StoredKeySpec =
  | ({ readonly use: 'sign' } & KeySpec)
  | ({ readonly use: 'agree' } & Extract<KeySpec, { type: 'ec' }>);

export interface StoredKey {
  readonly name: KeyName;
  readonly use: KeyUse;
  readonly publicKey: PublicKey;
}

/** `key-unknown`: no key of this name. `key-use`: it is there, and not for this use or algorithm. */
export type KeyFault = Fault<'key-unknown' | 'key-use'>;

/**
 * Where private keys live: files, a PKCS#11 module, memory. What a caller can get wrong is a Fault; a store that is out of
 * reach, or holds what it never wrote, rejects. A handle stays good until its key is deleted; after that it may reject.
 */
export interface KeyStore {
  /** `key-exists`: the name is taken; no key is ever overwritten. Once this is answered the key is durable. */
  generate(name: KeyName, spec: StoredKeySpec): Promise<Result<StoredKey, Fault<'key-exists'>>>;
  /** Without an algorithm: the one that `signatureAlgorithmFor` names for the key. */
  signingKey(name: KeyName, algorithm?: SignatureAlgorithm): Promise<Result<SigningKey, KeyFault>>;
  agreementKey(name: KeyName): Promise<Result<AgreementKey, KeyFault>>;
  /** All keys, by name. */
  list(): Promise<readonly StoredKey[]>;
  has(name: KeyName): Promise<boolean>;
  /** False when there was none. */
  delete(name: KeyName): Promise<boolean>;
}
