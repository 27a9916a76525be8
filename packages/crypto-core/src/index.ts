export type {
  AgreementKey,
  Crypto,
  DecryptionKey,
  KeyMaterial,
  KeySpec,
  PrivateKey,
  PublicKeySpec,
  SigningKey,
} from './crypto.ts';
export {
  CURVES,
  type CurveName,
  curveWidth,
  HASHES,
  type HashName,
  hashLength,
  hashOf,
  type SignatureAlgorithm,
  type SignatureFamily,
  signatureAlgorithmFor,
  signatureFamily,
} from './algorithms.ts';
export { agreementKeyOf, signingKeyOf } from './handles.ts';
export { type EcPublicKey, type PublicKey, type RsaPublicKey, sameKey } from './public-key.ts';
export { randomUuid } from './uuid.ts';
export { Secret } from './secret.ts';
export * as der from './der.ts';
export { type DerNode, readDer, readDerPrefix } from './der.ts';
export { ecdsaFromDer, ecdsaToDer } from './ecdsa.ts';
export { type JwsFault, signCompactJws, verifyCompactJws } from './compact-jws.ts';
export { readUncompressedPoint, uncompressedPoint } from './ec-point.ts';
export { parseSpki, spkiOf } from './spki.ts';
export { ecPkcs8 } from './pkcs8.ts';
