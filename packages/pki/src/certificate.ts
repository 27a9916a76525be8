import { toHex } from '@sekimori/bytes';
import { type Crypto, der, type PublicKey } from '@sekimori/crypto-core';
import { type Fault, type Result, fail } from '@sekimori/result';
import { type DerCursor, readingDer } from './asn1.ts';
import { type Extensions, NO_EXTENSIONS, readExtensions } from './extensions.ts';
import { type DistinguishedName, readName } from './names.ts';
import type { CertificateSignatureAlgorithm } from './signature-algorithms.ts';
import { readSigned, type Signed } from './signed.ts';
import { timeOf } from './time.ts';

export const MAX_CERTIFICATE_BYTES = 64 * 1024;

interface Fields extends Signed {
  readonly version: 1 | 2 | 3;
  readonly serial: string;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly spki: Uint8Array;
  readonly extensions: Extensions;
}

/** A certificate as read: nothing in it is believed yet. RFC 5280 section 4.1. */
export class Certificate {
  /** All of it, as received. */
  readonly der: Uint8Array;
  /** The signed bytes, as received: signatures are checked over these and nothing is ever encoded again. */
  readonly tbs: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** Lower-case hex without leading zero bytes; a negative serial (some old CAs) keeps its two's complement. */
  readonly serial: string;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo as received; `publicKey` gives the checked key, whose `spki` is the canonical form. */
  readonly spki: Uint8Array;
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly extensions: Extensions;
  #key: { readonly crypto: Crypto; readonly imported: Result<PublicKey, Fault<'invalid-key'>> } | undefined;
  #fingerprint: string | undefined;

  constructor(bytes: Uint8Array, fields: Fields) {
    this.der = bytes;
    this.tbs = fields.tbs;
    this.version = fields.version;
    this.serial = fields.serial;
    this.issuer = fields.issuer;
    this.subject = fields.subject;
    this.notBefore = fields.notBefore;
    this.notAfter = fields.notAfter;
    this.spki = fields.spki;
    this.signatureAlgorithm = fields.signatureAlgorithm;
    this.signature = fields.signature;
    this.extensions = fields.extensions;
  }

  /** The subject's key, imported once: importing costs as much as a verification. */
  publicKey(crypto: Crypto): Result<PublicKey, Fault<'invalid-key'>> {
    if (this.#key?.crypto !== crypto)
      this.#key = { crypto, imported: crypto.publicKey({ type: 'spki', der: this.spki }) };
    return this.#key.imported;
  }

  /** Hex SHA-256 of the whole certificate. */
  fingerprint(crypto: Crypto): string {
    this.#fingerprint ??= toHex(crypto.hash('sha256', this.der));
    return this.#fingerprint;
  }
}

/** Total and bounded; works on its own copy. What a profile asks for beyond the syntax is for the caller to check. */
export function parseCertificate(bytes: Uint8Array): Result<Certificate, Fault<'certificate-malformed'>> {
  if (bytes.length > MAX_CERTIFICATE_BYTES)
    return fail('certificate-malformed', `${bytes.length} bytes, at most ${MAX_CERTIFICATE_BYTES}`);
  const own = Uint8Array.from(bytes);
  return readingDer('certificate-malformed', () => new Certificate(own, readCertificate(own)));
}

function readCertificate(bytes: Uint8Array): Fields {
  const { content: tbs, repeatedAlgorithm, ...signed } = readSigned(bytes, 'Certificate', 'tbsCertificate');
  const version = tbs.sees(0xa0) ? readVersion(tbs.inside(0xa0, 'version')) : 1;
  const serial = toHex(readSerial(tbs));
  repeatedAlgorithm();
  const issuer = readName(tbs.next(der.TAG.sequence, 'issuer'), 'tbsCertificate.issuer');
  const validity = tbs.inside(der.TAG.sequence, 'validity');
  const notBefore = timeOf(validity.any('notBefore')) ?? validity.stop('not a time', 'notBefore');
  const notAfter = timeOf(validity.any('notAfter')) ?? validity.stop('not a time', 'notAfter');
  validity.end();
  const subject = readName(tbs.next(der.TAG.sequence, 'subject'), 'tbsCertificate.subject');
  const spki = tbs.next(der.TAG.sequence, 'subjectPublicKeyInfo').bytes;
  tbs.optional(0x81, 'issuerUniqueID');
  tbs.optional(0x82, 'subjectUniqueID');
  let extensions = NO_EXTENSIONS;
  if (tbs.sees(0xa3)) {
    if (version !== 3) tbs.stop(`extensions in a version ${version} certificate`);
    const wrapper = tbs.inside(0xa3, 'extensions');
    extensions = readExtensions(wrapper.inside(der.TAG.sequence, 'list'));
    wrapper.end();
  }
  tbs.end();
  return {
    ...signed,
    version,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    extensions,
  };
}

function readVersion(wrapper: DerCursor): 1 | 2 | 3 {
  const version = (wrapper.number(2, 'number') + 1) as 1 | 2 | 3;
  wrapper.end();
  return version;
}

/**
 * A serial number without leading zero bytes. Some vendors pad the INTEGER or make it longer than RFC 5280's 20 bytes; it only has
 * to be there and bounded. Inside `readingDer` only.
 */
export function readSerial(tbs: DerCursor): Uint8Array {
  const { content } = tbs.next(der.TAG.integer, 'serialNumber');
  if (content.length === 0 || content.length > 64) tbs.stop(`${content.length} bytes, 1 to 64 are due`, 'serialNumber');
  let start = 0;
  while (start < content.length - 1 && content[start] === 0) start++;
  return content.subarray(start);
}
