import type { XmlElement } from './xml/element.ts';

/** The types of Crypto.xsd and Protector.xsd, as read. MS-KPS sections 2.2.2.3 to 2.2.2.15. Nothing here is verified. */
export interface AlgorithmUse {
  /** A URI. */
  readonly algorithm: string;
  readonly parameters: XmlElement | undefined;
}

export interface Signature extends AlgorithmUse {
  readonly value: Uint8Array;
}

export interface EncryptedData extends AlgorithmUse {
  readonly cipherValue: Uint8Array;
}

export interface Wrapping {
  readonly id: number;
  /** DER. */
  readonly signingCertificate: Uint8Array;
  /** The wrapping whose signing key signed the signing certificate; the owner names itself. */
  readonly parentId: number;
  readonly signingCertificateSignature: Signature;
  /** DER. */
  readonly encryptionCertificate: Uint8Array;
  readonly encryptionCertificateSignature: Signature;
  readonly transportKey: EncryptedData;
}

export interface Protector {
  /** Outside both signatures, so anybody can change it: shown, never trusted. MS-KPS section 2.2.2.3. */
  readonly maxOfflineUnwraps: number;
  readonly wrappings: readonly Wrapping[];
  /** Exclusive canonical form of the Wrappings element, as it was received: what both signatures cover. */
  readonly signedOctets: Uint8Array;
  readonly keyDerivation: AlgorithmUse;
  readonly transportKeySignature: Signature;
  readonly guardianWrappingId: number;
  readonly guardianSignature: Signature;
}

export const PROTECTOR_LIMITS = { wrappings: 64, certificate: 16_384, value: 4096, uri: 256 } as const;
