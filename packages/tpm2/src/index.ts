export {
  TPM_ALG,
  type TpmAlgorithm,
  TPM_ALG_ID,
  TPMI_ALG_HASH,
  TPMI_ALG_PUBLIC,
  TPMI_ECC_CURVE,
} from './algorithms.ts';
export {
  TPMI_YES_NO,
  TPMI_ST_ATTEST,
  TPMS_CLOCK_INFO,
  type TpmsClockInfo,
  TPMS_QUOTE_INFO,
  TPMS_CERTIFY_INFO,
  TPM_GENERATED_VALUE,
  TPMS_ATTEST,
  type TpmsAttest,
} from './attest.ts';
export {
  createAttestationKey,
  type ActivationFault,
  activateCredential,
  healthKeyPolicy,
  createHealthKey,
  agreeWithHealthKey,
} from './attester.ts';
export { TPMA_OBJECT, TPMA_SESSION, TPMA_NV } from './attributes.ts';
export { type Approval, approvalOf, authorizedPolicy, authorizePolicy, policySigner } from './authorized-policy.ts';
export {
  TPM2B_DIGEST,
  TPM2B_NONCE,
  TPM2B_AUTH,
  TPM2B_DATA,
  TPM2B_NAME,
  TPM2B_MAX_NV_BUFFER,
  TPM2B_PUBLIC_KEY_RSA,
  TPM2B_ECC_PARAMETER,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_ATTEST,
  TPM2B_SENSITIVE_DATA,
  TPM2B_PRIVATE,
  TPM2B_TIMEOUT,
  TPML_DIGEST,
  TPMT_HA,
  TPML_DIGEST_VALUES,
  TPMS_ECC_POINT,
  type TpmsEccPoint,
} from './buffers.ts';
export {
  type TpmError,
  type TpmFault,
  type TpmResult,
  type Entity,
  type HandleArgument,
  type Authorization,
  EMPTY_PASSWORD,
  type Call,
  type Answer,
  type TpmOptions,
  type SessionOptions,
  Tpm,
} from './client.ts';
export {
  type Command,
  TPM_SU,
  TPM_SE,
  TPM_CAP,
  TPMS_CAPABILITY_DATA,
  COMMANDS,
  type Commands,
  type CommandName,
  type RequestOf,
  type ResponseOf,
  type HandlesOf,
  commandName,
} from './commands.ts';
export { type CredentialFault, type Credential, makeCredential, protectCredential, shareSeed } from './credential.ts';
export {
  type EndorsementKeyKind,
  type CertifiedEndorsementKey,
  openEndorsementKey,
  storeEndorsementCertificate,
} from './endorsement.ts';
export {
  MAX_FRAME,
  TPMS_AUTH_COMMAND,
  type TpmsAuthCommand,
  TPMS_AUTH_RESPONSE,
  type TpmsAuthResponse,
  type CommandFrame,
  encodeCommand,
  decodeCommand,
  type ResponseFrame,
  encodeResponse,
  decodeResponse,
} from './framing.ts';
export { TPM_RH, WELL_KNOWN, type HandleType, handleType, nameOfHandle } from './handles.ts';
export { kdfa, kdfe } from './kdf.ts';
export { nameOf, qualifiedNameOfPrimary, qualifiedNameOf, publicKeyOf, pointOf, xOf } from './names.ts';
export {
  TPMT_TK_CREATION,
  TPMT_TK_VERIFIED,
  TPMT_TK_AUTH,
  TPMT_TK_HASHCHECK,
  TPMS_CREATION_DATA,
  TPM2B_CREATION_DATA,
  TPM2B_SENSITIVE_CREATE,
  NO_SENSITIVE,
  TPMS_NV_PUBLIC,
  TPM2B_NV_PUBLIC,
  TPMS_ID_OBJECT,
  TPM2B_ID_OBJECT,
} from './objects.ts';
export {
  startup,
  shutdown,
  getRandom,
  tpmProperties,
  readPcrs,
  extendPcr,
  readNv,
  type LoadedKey,
  createPrimary,
  readPublic,
  makePersistent,
  type Attestation,
  quote,
  certify,
  type PcrQuote,
  quoteWithPcrs,
} from './operations.ts';
export { changeHierarchyAuth, removeNv, type TpmOwner, writeNvOnce } from './owner.ts';
export {
  type PcrSelection,
  TPMS_PCR_SELECTION,
  TPML_PCR_SELECTION,
  TPML_PCR_BANKS,
  pcrDigestOf,
} from './pcr-selection.ts';
export type { SaltKey } from './policy-restart.ts';
export { PolicyDigest, EK_POLICY_A, EK_POLICY_C, EK_POLICY_B } from './policy.ts';
export {
  TPMS_RSA_PARMS,
  TPMS_ECC_PARMS,
  TPMS_KEYEDHASH_PARMS,
  TPMS_SYMCIPHER_PARMS,
  TPMT_PUBLIC,
  type TpmtPublic,
  type PublicArea,
  TPM2B_PUBLIC,
  publicArea,
} from './public-area.ts';
export { type ResponseCode, explainResponseCode } from './response-code.ts';
export {
  TPMT_KDF_SCHEME,
  TPMT_RSA_SCHEME,
  TPMT_ECC_SCHEME,
  TPMT_KEYEDHASH_SCHEME,
  TPMT_SIG_SCHEME,
  TPMT_SYM_DEF_OBJECT,
  TPMT_SYM_DEF,
  type TpmtRsaScheme,
  type TpmtEccScheme,
} from './schemes.ts';
export { seal, type SealedObject, unseal } from './sealing.ts';
export { type SessionStart, type SessionUse, Session } from './session.ts';
export { TPMT_SIGNATURE, type TpmtSignature, type SigningScheme, verifySignature } from './signature.ts';
export {
  EK_RSA_2048,
  EK_ECC_P384,
  SRK_ECC_P256,
  AK_ECC_P256,
  AK_RSA_2048,
  HEALTH_KEY_ATTRIBUTES,
  HEALTH_KEY_NAME_ALG,
  healthKeyTemplate,
} from './templates.ts';
export { type TpmTransport } from './transport.ts';
