import { concat } from '@sekimori/bytes';
import {
  type Crypto,
  der,
  ecdsaToDer,
  type PublicKey,
  type SignatureAlgorithm,
  signatureFamily,
  type SigningKey,
} from '@sekimori/crypto-core';
import { writeSignatureAlgorithm } from './signature-algorithms.ts';
import { writeTime } from './time.ts';

export interface CertificateContent {
  /** 1 to 20 bytes of a positive number; `randomSerial` makes one. */
  readonly serial: Uint8Array;
  /** Names as DER: `writeName`, or the `der` of a name that was read. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: PublicKey;
  /** DER each, from the writers of this package. */
  readonly extensions: readonly Uint8Array[];
}

/** What all certificates of one kind and one issuer share. */
export interface CertificateTemplateContent extends Pick<CertificateContent, 'issuer' | 'extensions'> {
  readonly algorithm: SignatureAlgorithm;
}

/** The rest, for one certificate; `extensions` follow those of the template. */
export type CertificateTemplate = (
  parts: Pick<CertificateContent, 'serial' | 'subject' | 'notBefore' | 'notAfter' | 'publicKey' | 'extensions'>,
  signer: SigningKey,
) => Promise<Uint8Array>;

/** Writes what stays the same once, so that issuing costs little beside its signature. RFC 5280 section 4.1, version 3. */
export function certificateTemplate(fixed: CertificateTemplateContent): CertificateTemplate {
  const version = der.tagged(0, der.integer(2));
  const algorithm = writeSignatureAlgorithm(fixed.algorithm);
  const algorithmAndIssuer = concat(algorithm, fixed.issuer);
  const shared = concat(...fixed.extensions);
  const isEcdsa = signatureFamily(fixed.algorithm) === 'ecdsa';
  return async (parts, signer) => {
    if (signer.algorithm !== fixed.algorithm)
      throw new Error(`the signer uses ${signer.algorithm}, not ${fixed.algorithm}`);
    if (!(parts.notBefore.getTime() <= parts.notAfter.getTime())) throw new RangeError('it would end before it begins');
    const extensions = [shared, ...parts.extensions];
    const tbs = der.sequence(
      version,
      serialNumber(parts.serial),
      algorithmAndIssuer,
      der.sequence(writeTime(parts.notBefore), writeTime(parts.notAfter)),
      parts.subject,
      parts.publicKey.spki,
      ...(extensions.some((bytes) => bytes.length > 0) ? [der.tagged(3, der.sequence(...extensions))] : []),
    );
    const signature = await signer.sign(tbs);
    return der.sequence(tbs, algorithm, der.bitString(isEcdsa ? ecdsaToDer(signature) : signature));
  };
}

/** One certificate, DER. For many alike see `certificateTemplate`. */
export async function issueCertificate(content: CertificateContent, signer: SigningKey): Promise<Uint8Array> {
  return certificateTemplate({ issuer: content.issuer, extensions: [], algorithm: signer.algorithm })(content, signer);
}

/** 16 bytes with the first bit clear and the second set: positive, always of one length, 126 bits from the CSPRNG. */
export function randomSerial(crypto: Crypto): Uint8Array {
  const serial = Uint8Array.from(crypto.random(16));
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40;
  return serial;
}

function serialNumber(bytes: Uint8Array): Uint8Array {
  const written = der.unsigned(bytes);
  if (bytes.length > 20 || written.length > 22 || written.every((byte, i) => i < 2 || byte === 0))
    throw new RangeError('a serial number is positive and has at most 20 bytes');
  return written;
}
