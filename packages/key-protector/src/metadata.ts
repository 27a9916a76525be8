import { concat, utf8 } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import { type Certificate, parseCertificate } from '@sekimori/pki';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import type { Signature } from './document.ts';
import { Guardian, type GuardianFault, type GuardianKeys } from './guardian.ts';
import { readCertificate, readSignature, readUnsignedInt } from './read-crypto.ts';
import { SEKIMORI_1 } from './sekimori-1.ts';
import { NAMESPACE } from './uris.ts';
import { signatureMarkup, XML_DECLARATION } from './write-protector.ts';
import { stopAt, unsignedIntOf, XmlContent } from './xml/content.ts';
import { type XmlElement, XmlStop } from './xml/element.ts';
import { parseXml } from './xml/read.ts';
import { base64Markup, markup } from './xml/write.ts';
import { type DocumentSigner, envelopedSignature, verifyEnvelopedSignature } from './xml-signature.ts';

/** A guardian's public half as a document: what a key protection service publishes and what a file of a guardian holds. */
export interface GuardianMetadata {
  readonly guardian: Guardian;
  /** Signed the document; named by the document itself. Only the guardian's fingerprint, compared out of band, makes trust. */
  readonly communicationsCertificate: Certificate;
  /** Earlier signing certificates, as the document claims. */
  readonly otherSigningCertificates: readonly Certificate[];
}

/** `metadata-malformed`: not this document, or another algorithm. `document-signature`, and the faults of `Guardian.verify`. */
export type MetadataFault = Fault<'metadata-malformed' | 'document-signature'> | GuardianFault;

const VERSION = 1;
const MAX_OTHER_CERTIFICATES = 32;

/**
 * The Metadata document of MS-KPS section 6.4. It is signed by the communications certificate where there is one, by the
 * guardian's own signing key otherwise.
 */
export async function exportGuardian(
  crypto: Crypto,
  keys: GuardianKeys,
  options: {
    readonly communications?: DocumentSigner;
    readonly otherSigningCertificates?: readonly Certificate[];
  } = {},
): Promise<Uint8Array> {
  const { guardian, signing } = keys;
  const { signingCertificate, encryptionCertificate, encryptionCertificateSignature } = guardian;
  const others = options.otherSigningCertificates ?? [];
  if (others.length > MAX_OTHER_CERTIFICATES) throw new RangeError(`at most ${MAX_OTHER_CERTIFICATES} certificates`);
  const algorithm = SEKIMORI_1.signature.uri;
  const selfSignature = await signing.sign(signingCertificate.der);
  const information = markup(
    'GuardianInformation',
    {},
    markup('Version', {}, String(VERSION)),
    base64Markup('EncryptionCertificate', encryptionCertificate.der),
    base64Markup('SigningCertificate', signingCertificate.der),
    signatureMarkup('EncryptionCertificateSignature', { algorithm, value: encryptionCertificateSignature }),
    signatureMarkup('SigningCertificateSelfSignature', { algorithm, value: selfSignature }),
    others.length === 0
      ? ''
      : markup('OtherSigningCertificates', {}, ...others.map((other) => base64Markup('Certificate', other.der))),
  );
  const signed = (signature: string) =>
    utf8(markup('Metadata', { xmlns: NAMESPACE.kps, Version: VERSION }, information, signature));
  const signer = options.communications ?? { key: signing, certificate: signingCertificate };
  return concat(utf8(XML_DECLARATION), signed(await envelopedSignature(crypto, signer, signed(''))));
}

/** Reads and verifies a Metadata document; see `MetadataFault`. Dates are checked when the guardian is put into a protector. */
export function parseGuardianMetadata(crypto: Crypto, bytes: Uint8Array): Result<GuardianMetadata, MetadataFault> {
  const root = parseXml(bytes);
  if (!root.ok) return fail('metadata-malformed', 'not XML that is read', { cause: root.fault });
  try {
    return readMetadata(crypto, root.value);
  } catch (stop) {
    if (!(stop instanceof XmlStop)) throw stop;
    return fail('metadata-malformed', stop.detail, { at: stop.place });
  }
}

function readMetadata(crypto: Crypto, root: XmlElement): Result<GuardianMetadata, MetadataFault> {
  if (root.local !== 'Metadata' || root.namespace !== NAMESPACE.kps) stopAt(root, 'not a Metadata document');
  const content = new XmlContent(root, ['ID', 'Version']);
  if (unsignedIntOf(content.attribute('Version'), root) !== VERSION) stopAt(root, `only version ${VERSION} is read`);
  const parts = readInformation(content.child('GuardianInformation'));
  const signature = content.child('Signature', NAMESPACE.dsig);
  content.end();
  const signer = verifyEnvelopedSignature(crypto, root, signature);
  if (!signer.ok) return signer;
  const guardian = Guardian.verify(crypto, parts);
  if (!guardian.ok) return guardian;
  const { signingKey, signingCertificate } = guardian.value;
  if (!crypto.verify(signingKey, SEKIMORI_1.signature.algorithm, signingCertificate.der, parts.selfSignature))
    return fail('guardian-signature', 'the signing certificate is not signed by its own key');
  return ok({
    guardian: guardian.value,
    communicationsCertificate: signer.value,
    otherSigningCertificates: parts.otherSigningCertificates,
  });
}

function readInformation(element: XmlElement) {
  const content = new XmlContent(element);
  const version = content.child('Version');
  if (readUnsignedInt(version) !== VERSION) stopAt(version, `only version ${VERSION} is read`);
  const encryptionCertificate = readCertificate(content.child('EncryptionCertificate'));
  const signingCertificate = readCertificate(content.child('SigningCertificate'));
  const encryptionCertificateSignature = signatureValue(content.child('EncryptionCertificateSignature'));
  const selfSignature = signatureValue(content.child('SigningCertificateSelfSignature'));
  const others = content.optionalChild('OtherSigningCertificates');
  content.end();
  return {
    signingCertificate,
    encryptionCertificate,
    encryptionCertificateSignature,
    selfSignature,
    otherSigningCertificates: others ? readOthers(others) : [],
  };
}

function readOthers(element: XmlElement): readonly Certificate[] {
  const content = new XmlContent(element);
  const others = element.children.length === 0 ? [] : content.children('Certificate', MAX_OTHER_CERTIFICATES);
  content.end();
  return others.map((other) => {
    const certificate = parseCertificate(readCertificate(other));
    return certificate.ok ? certificate.value : stopAt(other, 'not a certificate');
  });
}

function signatureValue(element: XmlElement): Uint8Array {
  const signature: Signature = readSignature(element);
  if (signature.algorithm !== SEKIMORI_1.signature.uri || signature.parameters)
    stopAt(element, `not in profile ${SEKIMORI_1.name}`);
  return signature.value;
}
