import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { PROTECTOR_LIMITS, type Protector, type Signature, type Wrapping } from './document.ts';
import { unframed } from './framing.ts';
import {
  readCertificate,
  readEncryptedData,
  readKeyDerivation,
  readSignature,
  readUnsignedInt,
} from './read-crypto.ts';
import { NAMESPACE } from './uris.ts';
import { canonicalize } from './xml/canonicalize.ts';
import { stopAt, unsignedIntOf, XmlContent } from './xml/content.ts';
import { type XmlElement, XmlStop } from './xml/element.ts';
import { parseXml } from './xml/read.ts';

/**
 * The Protector document, read by its schema: elements in order, nothing unknown. MS-KPS section 6.1. Takes the XML bare,
 * after a byte-order mark, or behind the 4-byte length of section 6.1 of our notes (`unframed`). `protector-malformed` for
 * everything that is not such a document.
 */
export function parseProtector(bytes: Uint8Array): Result<Protector, Fault<'protector-malformed'>> {
  const xml = unframed(bytes);
  const root = parseXml(xml);
  if (!root.ok)
    return fail('protector-malformed', xml.length === 0 ? 'it is empty' : 'not XML that is read', {
      cause: root.fault,
    });
  try {
    return ok(readProtector(root.value));
  } catch (stop) {
    if (!(stop instanceof XmlStop)) throw stop;
    return fail('protector-malformed', stop.detail, { at: stop.place });
  }
}

function readProtector(root: XmlElement): Protector {
  if (root.local !== 'Protector' || root.namespace !== NAMESPACE.kps) stopAt(root, 'not a Protector');
  const content = new XmlContent(root, ['MaxOfflineUnwraps']);
  const unwraps = content.optionalAttribute('MaxOfflineUnwraps') ?? '0';
  const wrappings = content.child('Wrappings');
  const transportKey = new XmlContent(content.child('TransportKeySignature'));
  const guardian = new XmlContent(content.child('GuardianSignature'), ['WrappingId']);
  content.end();
  const protector: Protector = {
    maxOfflineUnwraps: unsignedIntOf(unwraps, root),
    wrappings: readWrappings(wrappings),
    signedOctets: canonicalize(wrappings),
    keyDerivation: readKeyDerivation(transportKey.child('KeyDerivationMethod')),
    transportKeySignature: readSignature(transportKey.child('Signature')),
    guardianWrappingId: unsignedIntOf(guardian.attribute('WrappingId'), guardian.element),
    guardianSignature: readSignature(guardian.child('Signature')),
  };
  transportKey.end();
  guardian.end();
  return protector;
}

function readWrappings(element: XmlElement): readonly Wrapping[] {
  const content = new XmlContent(element);
  const wrappings = content.children('Wrapping', PROTECTOR_LIMITS.wrappings);
  content.end();
  return wrappings.map(readWrapping);
}

function readWrapping(element: XmlElement): Wrapping {
  const content = new XmlContent(element);
  const id = readUnsignedInt(content.child('Id'));
  const signingCertificate = readCertificate(content.child('SigningCertificate'));
  const signing = new XmlContent(content.child('SigningCertificateSignature'), ['ParentWrappingId']);
  const parentId = unsignedIntOf(signing.attribute('ParentWrappingId'), signing.element);
  const signingCertificateSignature = onlySignature(signing);
  const encryptionCertificate = readCertificate(content.child('EncryptionCertificate'));
  const encryptionCertificateSignature = onlySignature(new XmlContent(content.child('EncryptionCertificateSignature')));
  const key = new XmlContent(content.child('TransportKey'));
  const transportKey = readEncryptedData(key.child('EncryptedData'));
  key.end();
  content.end();
  return {
    id,
    signingCertificate,
    parentId,
    signingCertificateSignature,
    encryptionCertificate,
    encryptionCertificateSignature,
    transportKey,
  };
}

function onlySignature(content: XmlContent): Signature {
  const signature = readSignature(content.child('Signature'));
  content.end();
  return signature;
}
