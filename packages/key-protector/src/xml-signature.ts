import { equal, utf8 } from '@sekimori/bytes';
import type { Crypto, PublicKey, SignatureAlgorithm, SigningKey } from '@sekimori/crypto-core';
import { type Certificate, parseCertificate } from '@sekimori/pki';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { PROTECTOR_LIMITS } from './document.ts';
import { ALGORITHM, NAMESPACE } from './uris.ts';
import { canonicalize, EXCLUSIVE_C14N } from './xml/canonicalize.ts';
import { base64Of, stopAt, XmlContent } from './xml/content.ts';
import type { XmlElement } from './xml/element.ts';
import { base64Markup, markup } from './xml/write.ts';

/** Who signs a document: a key with the certificate that goes into KeyInfo. ECDSA on P-256 or RSA-PSS, SHA-256 both. */
export interface DocumentSigner {
  readonly key: SigningKey;
  readonly certificate: Certificate;
}

const METHODS: readonly { readonly uri: string; readonly algorithm: SignatureAlgorithm }[] = [
  { uri: ALGORITHM.ecdsaSha256, algorithm: 'ecdsa-sha256' },
  { uri: ALGORITHM.rsaPssSha256, algorithm: 'rsapss-sha256' },
];

/**
 * An enveloped ds:Signature over a whole document, given the document's canonical octets without it. XML-DSig 1.1: one
 * reference to "", the transforms enveloped-signature and exclusive C14N, SHA-256, the signer's certificate.
 */
export async function envelopedSignature(
  crypto: Crypto,
  signer: DocumentSigner,
  unsigned: Uint8Array,
): Promise<string> {
  const method = METHODS.find(({ algorithm }) => algorithm === signer.key.algorithm);
  if (!method) throw new RangeError(`documents are not signed with ${signer.key.algorithm}`);
  const use = (name: string, Algorithm: string) => markup(name, { Algorithm });
  const content = [
    use('CanonicalizationMethod', EXCLUSIVE_C14N),
    use('SignatureMethod', method.uri),
    markup(
      'Reference',
      { URI: '' },
      markup('Transforms', {}, use('Transform', ALGORITHM.envelopedSignature), use('Transform', EXCLUSIVE_C14N)),
      use('DigestMethod', ALGORITHM.sha256),
      base64Markup('DigestValue', crypto.hash('sha256', unsigned)),
    ),
  ];
  const signed = utf8(markup('SignedInfo', { xmlns: NAMESPACE.dsig }, ...content));
  return markup(
    'Signature',
    { xmlns: NAMESPACE.dsig },
    markup('SignedInfo', {}, ...content),
    base64Markup('SignatureValue', await signer.key.sign(signed)),
    markup('KeyInfo', {}, markup('X509Data', {}, base64Markup('X509Certificate', signer.certificate.der))),
  );
}

/**
 * Exactly the form that `envelopedSignature` writes; everything else is refused, so that what was signed is never in doubt.
 * Gives the certificate that the signature was checked with, which the document itself named: trust in it is the caller's
 * matter. `document-signature` for all that does not hold; stops with an `XmlStop` on another form.
 */
export function verifyEnvelopedSignature(
  crypto: Crypto,
  root: XmlElement,
  signature: XmlElement,
): Result<Certificate, Fault<'document-signature'>> {
  const content = new XmlContent(signature);
  const signedInfo = content.child('SignedInfo');
  const value = base64Of(content.child('SignatureValue'), PROTECTOR_LIMITS.value);
  const keyInfo = new XmlContent(content.child('KeyInfo'));
  content.end();
  const x509 = new XmlContent(keyInfo.child('X509Data'));
  keyInfo.end();
  const certificate = parseCertificate(base64Of(x509.child('X509Certificate'), PROTECTOR_LIMITS.certificate));
  x509.end();
  const { algorithm, digest } = readSignedInfo(signedInfo);
  if (!certificate.ok) return fail('document-signature', 'KeyInfo holds no certificate', { cause: certificate.fault });
  const key = certificate.value.publicKey(crypto);
  if (!key.ok) return fail('document-signature', 'the key is not sound', { cause: key.fault });
  if (!certificate.value.extensions.keyUsage?.has('digitalSignature') || !fits(key.value))
    return fail('document-signature', 'the certificate is not for signing');
  if (!crypto.verify(key.value, algorithm, canonicalize(signedInfo), value))
    return fail('document-signature', 'the signature does not hold');
  if (!equal(crypto.hash('sha256', canonicalize(root, { without: signature })), digest))
    return fail('document-signature', 'the document is not the one that was signed');
  return ok(certificate.value);
}

function readSignedInfo(element: XmlElement): {
  readonly algorithm: SignatureAlgorithm;
  readonly digest: Uint8Array;
} {
  const content = new XmlContent(element);
  expectAlgorithm(content.child('CanonicalizationMethod'), EXCLUSIVE_C14N);
  const methodElement = content.child('SignatureMethod');
  const uri = algorithmOf(methodElement);
  const method = METHODS.find((candidate) => candidate.uri === uri) ?? stopAt(methodElement, `${uri} is not accepted`);
  const reference = new XmlContent(content.child('Reference'), ['URI']);
  content.end();
  if (reference.attribute('URI') !== '') stopAt(reference.element, 'it must refer to the whole document');
  const transforms = new XmlContent(reference.child('Transforms'));
  expectAlgorithm(transforms.child('Transform'), ALGORITHM.envelopedSignature);
  expectAlgorithm(transforms.child('Transform'), EXCLUSIVE_C14N);
  transforms.end();
  expectAlgorithm(reference.child('DigestMethod'), ALGORITHM.sha256);
  const digest = base64Of(reference.child('DigestValue'), 32);
  reference.end();
  return { algorithm: method.algorithm, digest };
}

function expectAlgorithm(element: XmlElement, uri: string): void {
  if (algorithmOf(element) !== uri) stopAt(element, `must be ${uri}`);
}

function algorithmOf(element: XmlElement): string {
  const content = new XmlContent(element, ['Algorithm']);
  content.end();
  return content.attribute('Algorithm');
}

function fits(key: PublicKey): boolean {
  return key.type === 'rsa' || key.curve === 'P-256';
}
