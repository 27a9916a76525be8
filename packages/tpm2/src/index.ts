export {
  TPM_ALG,
  TPM_ALG_ID,
  type TpmAlgorithm,
  TPMI_ALG_HASH,
  TPMI_ALG_PUBLIC,
  TPMI_ECC_CURVE,
} from './algorithms.ts';
export { TPMA_NV, TPMA_OBJECT, TPMA_SESSION } from './attributes.ts';
export {
  TPMI_ST_ATTEST,
  TPMI_YES_NO,
  TPM_GENERATED_VALUE,
  type TpmsAttest,
  TPMS_ATTEST,
  TPMS_CERTIFY_INFO,
  type TpmsClockInfo,
  TPMS_CLOCK_INFO,
  TPMS_QUOTE_INFO,
} from './attest.ts';
export * from './buffers.ts';
export * from './commands.ts';
export { type Credential, type CredentialFault, makeCredential, protectCredential, shareSeed } from './credential.ts';
export { handleType, type HandleType, nameOfHandle, TPM_RH, WELL_KNOWN } from './handles.ts';
export { kdfa, kdfe } from './kdf.ts';
export { nameOf, pointOf, publicKeyOf, qualifiedNameOf, qualifiedNameOfPrimary, xOf } from './names.ts';
export * from './objects.ts';
export {
  type PcrSelection,
  pcrDigestOf,
  TPML_PCR_BANKS,
  TPML_PCR_SELECTION,
  TPMS_PCR_SELECTION,
} from './pcr-selection.ts';
export { EK_POLICY_A, EK_POLICY_B, EK_POLICY_C, PolicyDigest } from './policy.ts';
export { type PublicArea, publicArea, TPM2B_PUBLIC, TPMT_PUBLIC, type TpmtPublic } from './public-area.ts';
export * from './schemes.ts';
export { type SigningScheme, TPMT_SIGNATURE, type TpmtSignature, verifySignature } from './signature.ts';
export {
  AK_ECC_P256,
  AK_RSA_2048,
  EK_ECC_P384,
  EK_RSA_2048,
  HEALTH_KEY_ATTRIBUTES,
  HEALTH_KEY_NAME_ALG,
  healthKeyTemplate,
  SRK_ECC_P256,
} from './templates.ts';
export * from './framing.ts';
export { explainResponseCode, type ResponseCode } from './response-code.ts';
export type { TpmTransport } from './transport.ts';
export { Session, type SessionUse } from './session.ts';
export * from './client.ts';
export * from './operations.ts';
export * from './endorsement.ts';
export * from './attester.ts';
