import { equal } from '@sekimori/bytes';
import { decodePrefix, struct, u16le, u32le } from '@sekimori/codec';
import { type Crypto, der, type HashName, type SignatureAlgorithm } from '@sekimori/crypto-core';
import { type Certificate, DerCursor, parseCertificate, readingDer, verifySignature } from '@sekimori/pki';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { authenticodeDigest } from './authenticode.ts';
import type { PeImage } from './pe.ts';

// Signatures of images: PKCS#7 SignedData in the attribute certificate table. Windows Authenticode PE Signature Format.

/** A signature that holds: over this image, by the key of `signer`. Nothing is said about who trusts that. */
export interface ImageSignature {
  readonly signer: Certificate;
  /** Sent along with it, any of them. */
  readonly certificates: readonly Certificate[];
}

const MAX_SIGNATURES = 8;
const MAX_CERTIFICATES = 32;

/** Those of the image's signatures that hold, in the order of the file. Total and bounded. */
export function imageSignatures(crypto: Crypto, image: PeImage): readonly ImageSignature[] {
  const found: ImageSignature[] = [];
  for (const signedData of certificateTable(image)) {
    const read = readingDer('signature-malformed', () => readSignedData(signedData));
    const signature = read.ok ? checked(crypto, image, read.value) : read;
    if (signature.ok) found.push(signature.value);
  }
  return found;
}

/** Certificates on the way from a signer to an anchor, and signatures checked for that at most. */
const MAX_PATH = 6;

/**
 * Whether certificates lead from the signer to this very one. As firmware and shim judge it: neither times nor purposes nor
 * extensions of theirs are looked at, but that a CA says it is one, so this is no path validation of RFC 5280.
 */
export function leadsTo(crypto: Crypto, { signer, certificates }: ImageSignature, anchor: Certificate): boolean {
  let current = signer;
  for (let depth = 0; depth < MAX_PATH; depth++) {
    if (equal(current.der, anchor.der)) return true;
    const issuer = [anchor, ...certificates].find((each) => each !== current && hasIssued(crypto, each, current));
    if (!issuer) return false;
    current = issuer;
  }
  return false;
}

function hasIssued(crypto: Crypto, issuer: Certificate, certificate: Certificate): boolean {
  if (!issuer.subject.matches(certificate.issuer) || issuer.extensions.basicConstraints?.ca === false) return false;
  const key = issuer.publicKey(crypto);
  return key.ok && verifySignature(crypto, certificate, key.value);
}

/** WIN_CERTIFICATE; the content follows, and the next one begins at a multiple of eight. UEFI 2.10, 32.2.4. */
const WIN_CERTIFICATE = struct('WIN_CERTIFICATE')
  .field('dwLength', u32le)
  .field('wRevision', u16le)
  .field('wCertificateType', u16le);
const [HEADER_BYTES, PKCS_SIGNED_DATA] = [8, 2];

function certificateTable({ bytes, certificates }: PeImage): readonly Uint8Array[] {
  if (!certificates) return [];
  const found: Uint8Array[] = [];
  let left = bytes.subarray(certificates.offset, certificates.offset + certificates.size);
  while (left.length >= HEADER_BYTES && found.length < MAX_SIGNATURES) {
    const header = decodePrefix(WIN_CERTIFICATE, left.subarray(0, HEADER_BYTES));
    if (!header.ok) return found;
    const { dwLength, wCertificateType } = header.value.value;
    if (dwLength < HEADER_BYTES || dwLength > left.length) return found;
    if (wCertificateType === PKCS_SIGNED_DATA) found.push(left.subarray(HEADER_BYTES, dwLength));
    left = left.subarray((dwLength + 7) & ~7);
  }
  return found;
}

const OID = {
  signedData: '1.2.840.113549.1.7.2',
  indirectData: '1.3.6.1.4.1.311.2.1.4',
  messageDigest: '1.2.840.113549.1.9.4',
} as const;
const HASH_OIDS: Readonly<Record<string, HashName>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const RSA_OIDS = new Set([
  '1.2.840.113549.1.1.1',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
]);

interface SignedData {
  /** SpcIndirectDataContent without its tag and length: what the message digest is over. */
  readonly content: Uint8Array;
  readonly imageHash: string;
  readonly imageDigest: Uint8Array;
  readonly certificates: readonly Uint8Array[];
  readonly issuerAndSerial: { readonly issuer: Uint8Array; readonly serial: Uint8Array };
  readonly hash: string;
  /** As they are signed: under the tag of a SET. */
  readonly attributes: Uint8Array;
  readonly messageDigest: Uint8Array;
  readonly algorithm: string;
  readonly signature: Uint8Array;
}

/** PKCS#7 SignedData over SpcIndirectDataContent, with the first of its signers. Signatures may be padded behind. */
function readSignedData(bytes: Uint8Array): SignedData {
  const wrapper = new DerCursor(bytes, 'PKCS7').inside(der.TAG.sequence, 'contentInfo');
  if (wrapper.oid('contentType') !== OID.signedData) wrapper.stop('not SignedData');
  const signed = wrapper.inside(0xa0, 'content').inside(der.TAG.sequence, 'signedData');
  signed.next(der.TAG.integer, 'version');
  signed.next(der.TAG.set, 'digestAlgorithms');
  const encapsulated = signed.inside(der.TAG.sequence, 'contentInfo');
  if (encapsulated.oid('contentType') !== OID.indirectData) encapsulated.stop('not SpcIndirectDataContent');
  const indirect = encapsulated.inside(0xa0, 'content').next(der.TAG.sequence, 'spcIndirectDataContent');
  const fields = new DerCursor(indirect.content, 'spcIndirectDataContent');
  fields.next(der.TAG.sequence, 'data');
  const digestInfo = fields.inside(der.TAG.sequence, 'messageDigest');
  const imageHash = digestInfo.inside(der.TAG.sequence, 'digestAlgorithm').oid('algorithm');
  const imageDigest = digestInfo.next(der.TAG.octetString, 'digest').content;

  const certificates: Uint8Array[] = [];
  const sent = signed.optional(0xa0, 'certificates');
  for (const each = new DerCursor(sent?.content ?? new Uint8Array(), 'certificates'); !each.done; ) {
    if (certificates.length >= MAX_CERTIFICATES) each.stop(`more than ${MAX_CERTIFICATES} certificates`);
    certificates.push(each.any('certificate').bytes);
  }
  signed.optional(0xa1, 'crls');
  const signer = signed.inside(der.TAG.set, 'signerInfos').inside(der.TAG.sequence, 'signerInfo');
  signer.next(der.TAG.integer, 'version');
  const named = signer.inside(der.TAG.sequence, 'issuerAndSerialNumber');
  const issuer = named.next(der.TAG.sequence, 'issuer').bytes;
  const serial = named.next(der.TAG.integer, 'serialNumber').content;
  const hash = signer.inside(der.TAG.sequence, 'digestAlgorithm').oid('algorithm');
  const attributes = signer.next(0xa0, 'authenticatedAttributes');
  const algorithm = signer.inside(der.TAG.sequence, 'digestEncryptionAlgorithm').oid('algorithm');
  const signature = signer.next(der.TAG.octetString, 'encryptedDigest').content;
  const asSet = Uint8Array.from(attributes.bytes);
  asSet[0] = der.TAG.set;
  return {
    content: indirect.content,
    imageHash,
    imageDigest,
    certificates,
    issuerAndSerial: { issuer, serial },
    hash,
    attributes: asSet,
    messageDigest: messageDigestIn(new DerCursor(attributes.content, 'authenticatedAttributes')),
    algorithm,
    signature,
  };
}

function messageDigestIn(attributes: DerCursor): Uint8Array {
  while (!attributes.done) {
    const attribute = attributes.inside(der.TAG.sequence, 'attribute');
    if (attribute.oid('type') === OID.messageDigest)
      return attribute.inside(der.TAG.set, 'values').next(der.TAG.octetString, 'messageDigest').content;
  }
  return attributes.stop('no message digest');
}

type SignatureFault = Fault<'signature-malformed' | 'signature-refused'>;

function checked(crypto: Crypto, image: PeImage, read: SignedData): Result<ImageSignature, SignatureFault> {
  const [imageHash, hash] = [HASH_OIDS[read.imageHash], HASH_OIDS[read.hash]];
  if (!imageHash || !hash || !RSA_OIDS.has(read.algorithm))
    return fail('signature-refused', 'an algorithm that is not listed');
  const digest = authenticodeDigest(crypto, imageHash, image);
  if (!digest.ok || !equal(digest.value, read.imageDigest))
    return fail('signature-refused', 'it is over another image');
  if (!equal(crypto.hash(hash, read.content), read.messageDigest))
    return fail('signature-refused', 'the attributes are for another content');
  const certificates = read.certificates.flatMap((bytes) => {
    const certificate = parseCertificate(bytes);
    return certificate.ok ? [certificate.value] : [];
  });
  const signer = certificates.find((each) => isNamedBy(each, read.issuerAndSerial));
  const key = signer?.publicKey(crypto);
  if (!signer || !key?.ok) return fail('signature-refused', 'the certificate of the signer is not there');
  const algorithm: SignatureAlgorithm = `rsassa-${hash}`;
  if (!crypto.verify(key.value, algorithm, read.attributes, read.signature))
    return fail('signature-refused', 'the signature does not hold');
  return ok({ signer, certificates: certificates.filter((each) => each !== signer) });
}

/** By the bytes of the certificate: issuer and serial number stand in it as they do in the signature. */
function isNamedBy(certificate: Certificate, { issuer, serial }: SignedData['issuerAndSerial']): boolean {
  const named = readingDer('signature-malformed', () => {
    const tbs = new DerCursor(certificate.tbs, 'Certificate').inside(der.TAG.sequence, 'tbsCertificate');
    tbs.optional(0xa0, 'version');
    const own = tbs.next(der.TAG.integer, 'serialNumber').content;
    tbs.next(der.TAG.sequence, 'signature');
    return equal(own, serial) && equal(tbs.next(der.TAG.sequence, 'issuer').bytes, issuer);
  });
  return named.ok && named.value;
}
