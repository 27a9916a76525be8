export {
  XML_LIMITS,
  type XmlAttribute,
  type XmlElement,
  type XmlFault,
  type XmlName,
  type XmlNode,
} from './xml/element.ts';
export { parseXml } from './xml/read.ts';
export { type CanonicalOptions, canonicalize, EXCLUSIVE_C14N } from './xml/canonicalize.ts';
export type { DocumentSigner } from './xml-signature.ts';
export { ALGORITHM, NAMESPACE } from './uris.ts';
export {
  type AlgorithmUse,
  type EncryptedData,
  type Protector,
  PROTECTOR_LIMITS,
  type Signature,
  type Wrapping,
} from './document.ts';
export { protectorFileBytes } from './framing.ts';
export type { Profile, WrappingBinding } from './profile.ts';
export { SEKIMORI_1, TRANSPORT_KEY_BYTES } from './sekimori-1.ts';
export {
  createGuardian,
  Guardian,
  type GuardianFault,
  GuardianKeys,
  type GuardianParts,
  issueGuardian,
} from './guardian.ts';
export { GuardianCache } from './guardian-cache.ts';
export { exportGuardian, type GuardianMetadata, type MetadataFault, parseGuardianMetadata } from './metadata.ts';
export { parseProtector } from './parse-protector.ts';
export { type ProtectorFault, VerifiedProtector, type VerifiedWrapping } from './verified-protector.ts';
export { OpenedProtector } from './open-protector.ts';
export { type NewProtector, newKeyProtector, rollProtector } from './make-protector.ts';
