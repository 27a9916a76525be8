import type { AgreementKey, Crypto, CurveName, EcPublicKey, Secret, SignatureAlgorithm } from '@sekimori/crypto-core';
import type { AlgorithmUse, EncryptedData } from './document.ts';
import type { WrittenUse } from './write-protector.ts';

/** What a wrapped transport key is tied to: it opens nowhere else. */
export interface WrappingBinding {
  readonly wrappingId: number;
  /** The recipient's fingerprint, 32 bytes: both certificates. */
  readonly guardian: Uint8Array;
}

/**
 * All that MS-KPS leaves open, under one name: algorithms, their parameters, the octets they work on. A profile is a closed
 * list; a document that uses anything else is refused, and nothing is negotiated. `S` is a wrapped key, `D` a key derivation,
 * as read from their parameters; reading stops with an `XmlStop` on what is not in the profile.
 */
export interface Profile<S, D> {
  readonly name: string;
  readonly curve: CurveName;
  /** For certificate signatures (over the certificate's DER) and guardian signatures (over the canonical Wrappings). */
  readonly signature: { readonly uri: string; readonly algorithm: SignatureAlgorithm };
  readonly mac: { readonly uri: string };
  readWrapped(data: EncryptedData): S;
  wrap(
    crypto: Crypto,
    recipient: EcPublicKey,
    binding: WrappingBinding,
    transportKey: Secret,
  ): WrittenUse & { readonly cipherValue: Uint8Array };
  /** Undefined when it does not open; no reason is told. */
  unwrap(crypto: Crypto, key: AgreementKey, binding: WrappingBinding, wrapped: S): Promise<Secret | undefined>;
  readKeyDerivation(use: AlgorithmUse): D;
  newKeyDerivation(crypto: Crypto): { readonly derivation: D; readonly written: WrittenUse };
  /** The value of the TransportKeySignature. */
  authenticate(crypto: Crypto, transportKey: Secret, derivation: D, signedOctets: Uint8Array): Uint8Array;
}
