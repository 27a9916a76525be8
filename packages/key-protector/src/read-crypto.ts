import { type AlgorithmUse, type EncryptedData, PROTECTOR_LIMITS, type Signature } from './document.ts';
import { base64Of, stopAt, unsignedIntOf, XmlContent, textOf } from './xml/content.ts';
import type { XmlElement } from './xml/element.ts';

/** Signature_T of Crypto.xsd, MS-KPS section 6.5. All of this file stops with an `XmlStop`. */
export function readSignature(element: XmlElement): Signature {
  const { use, content } = readUse(element);
  const value = base64Of(content.child('SignatureValue'), PROTECTOR_LIMITS.value);
  content.end();
  return { ...use, value };
}

/** EncryptedData_T of Crypto.xsd. */
export function readEncryptedData(element: XmlElement): EncryptedData {
  const { use, content } = readUse(element);
  const cipherValue = base64Of(content.child('CipherValue'), PROTECTOR_LIMITS.value);
  content.end();
  return { ...use, cipherValue };
}

/** KeyDerivationMethod_T of Crypto.xsd. */
export function readKeyDerivation(element: XmlElement): AlgorithmUse {
  const { use, content } = readUse(element);
  content.end();
  return use;
}

export function readCertificate(element: XmlElement): Uint8Array {
  return base64Of(element, PROTECTOR_LIMITS.certificate);
}

export function readUnsignedInt(element: XmlElement): number {
  return unsignedIntOf(textOf(element), element);
}

function readUse(element: XmlElement): { readonly use: AlgorithmUse; readonly content: XmlContent } {
  const content = new XmlContent(element, ['Algorithm']);
  const algorithm = content.attribute('Algorithm');
  if (algorithm.length === 0 || algorithm.length > PROTECTOR_LIMITS.uri) stopAt(element, 'not an algorithm');
  return { use: { algorithm, parameters: content.optionalChild('Parameters') }, content };
}
