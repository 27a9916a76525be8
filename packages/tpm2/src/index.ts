export {
  TPM_ALG,
  type TpmAlgorithm,
  TPM_ALG_ID,
  TPMI_ALG_HASH,
  ANY_HASH,
  TPMI_ALG_PUBLIC,
  TPMI_ECC_CURVE,
  ANY_CURVE,
  TPM_ECC_CURVE,
} from './structures/algorithms.ts';
export {
  TPMI_YES_NO,
  TPMI_ST_ATTEST,
  TPMS_CLOCK_INFO,
  type TpmsClockInfo,
  TPMS_TIME_INFO,
  type TpmsTimeInfo,
  TPMS_QUOTE_INFO,
  TPMS_CERTIFY_INFO,
  TPM_GENERATED_VALUE,
  TPMS_ATTEST,
  type TpmsAttest,
} from './structures/attest.ts';
export {
  createAttestationKey,
  type ActivationFault,
  activateCredential,
  healthKeyPolicy,
  createHealthKey,
  agreeWithHealthKey,
} from './keys/attester.ts';
export {
  TPMA_OBJECT,
  TPMA_SESSION,
  type NvKind,
  type TpmaNv,
  TPMA_NV,
  TPMA_LOCALITY,
  TPMA_ALGORITHM,
  TPMA_PERMANENT,
  TPMA_STARTUP_CLEAR,
  TPMA_CC,
} from './structures/attributes.ts';
export {
  TPM_CAP,
  TPM_PT,
  type TpmProperty,
  TPML_ALG_PROPERTY,
  TPML_HANDLE,
  TPML_CCA,
  TPML_CC,
  TPML_TAGGED_TPM_PROPERTY,
  TPML_TAGGED_PCR_PROPERTY,
  TPML_ECC_CURVE,
  TPML_TAGGED_POLICY,
  TPML_ACT_DATA,
  TPMS_CAPABILITY_DATA,
  type TpmsCapabilityData,
} from './structures/capabilities.ts';
export { type Approval, approvalOf, authorizedPolicy, authorizePolicy, policySigner } from './policy/authorized.ts';
export {
  MAX_SYM_DATA,
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
  TPM2B_OPERAND,
  TPM2B_EVENT,
  TPM2B_MAX_BUFFER,
  TPM2B_PRIVATE_KEY_RSA,
  TPM2B_SYM_KEY,
  TPM2B_CONTEXT_DATA,
  TPML_DIGEST,
  TPMT_HA,
  TPML_DIGEST_VALUES,
  TPMS_ECC_POINT,
  type TpmsEccPoint,
  TPM2B_ECC_POINT,
} from './structures/buffers.ts';
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
} from './client/client.ts';
export {
  type Command,
  COMMANDS,
  type Commands,
  type CommandName,
  type RequestOf,
  type ResponseOf,
  type HandlesOf,
  commandName,
} from './commands/table.ts';
export { TPM_EO, TPM_SE } from './commands/policy.ts';
export { TPM_SU } from './commands/system.ts';
export {
  type CredentialFault,
  type Credential,
  makeCredential,
  openCredential,
  protectCredential,
  unprotectCredential,
} from './protection/credential.ts';
export {
  type DuplicatedObject,
  duplicateTo,
  type ObjectPair,
  openDuplicate,
  sealedData,
  type SealedData,
} from './protection/duplication.ts';
export {
  type EndorsementKeyKind,
  type CertifiedEndorsementKey,
  openEndorsementKey,
  storeEndorsementCertificate,
} from './keys/endorsement.ts';
export {
  type EndorsementCertificates,
  type EndorsementNvFault,
  readEndorsementCertificates,
  type StoredCertificate,
} from './keys/endorsement-nv.ts';
export { amdEkCertificateUrl, intelEkCertificateUrl } from './keys/endorsement-urls.ts';
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
} from './commands/framing.ts';
export {
  EK_PLACES,
  type EkName,
  type EndorsementPlace,
  TPM_RH,
  WELL_KNOWN,
  type HandleType,
  handleType,
  nameOfHandle,
} from './structures/handles.ts';
export { unwrapInner, wrapInner } from './protection/inner-wrapping.ts';
export { kdfa, kdfe } from './protection/kdf.ts';
export { nameOf, qualifiedNameOfPrimary, qualifiedNameOf, publicKeyOf, pointOf, xOf } from './structures/names.ts';
export {
  TPMT_TK_CREATION,
  TPMT_TK_VERIFIED,
  TPMT_TK_AUTH,
  TPMT_TK_HASHCHECK,
  NO_HASHCHECK,
  TPMS_CREATION_DATA,
  TPM2B_CREATION_DATA,
  TPM2B_SENSITIVE_CREATE,
  NO_SENSITIVE,
  TPMS_NV_PUBLIC,
  TPM2B_NV_PUBLIC,
  TPMS_ID_OBJECT,
  TPM2B_ID_OBJECT,
  TPMT_SENSITIVE,
  type TpmtSensitive,
  TPM2B_SENSITIVE,
  TPMS_CONTEXT,
  type TpmsContext,
} from './structures/objects.ts';
export {
  startup,
  shutdown,
  getRandom,
  tpmProperties,
  listHandles,
  readPcrs,
  extendPcr,
  nvEntity,
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
} from './client/operations.ts';
export { changeHierarchyAuth, removeNv, type TpmOwner, writeNvOnce } from './keys/owner.ts';
export {
  type AesBits,
  isAesBits,
  outerProtection,
  type OuterProtection,
  type OuterVector,
  storageKeyBits,
  unwrapOuter,
  wrapOuter,
} from './protection/outer-wrapping.ts';
export {
  type PcrSelection,
  TPMS_PCR_SELECT,
  TPMS_PCR_SELECTION,
  TPML_PCR_SELECTION,
  TPML_PCR_BANKS,
  pcrDigestOf,
} from './structures/pcr-selection.ts';
export type { SaltKey } from './policy/restart.ts';
export {
  type NvReader,
  policyAuthorize,
  policyAuthorizeNv,
  policyAuthValue,
  policyCommandCode,
  policyCpHash,
  policyDigestOf,
  policyDuplicationSelect,
  policyLocality,
  policyNv,
  policyNvWritten,
  policyOr,
  policyPassword,
  policyPcr,
  policySecret,
  policySigned,
  type PolicyStep,
  satisfyPolicy,
} from './policy/steps.ts';
export { PolicyDigest, EK_POLICY_A, EK_POLICY_C, EK_POLICY_B } from './policy/digest.ts';
export {
  TPMS_RSA_PARMS,
  TPMS_ECC_PARMS,
  TPMS_KEYEDHASH_PARMS,
  TPMS_SYMCIPHER_PARMS,
  TPMT_PUBLIC,
  type TpmtPublic,
  ANY_TPMT_PUBLIC,
  type AnyTpmtPublic,
  type PublicArea,
  TPM2B_PUBLIC,
  ANY_TPM2B_PUBLIC,
  publicArea,
} from './structures/public-area.ts';
export { type ResponseAdvice, adviceOnResponseCode } from './client/response-advice.ts';
export { type ResponseCode, explainResponseCode } from './client/response-code.ts';
export {
  TPMT_KDF_SCHEME,
  TPMT_RSA_SCHEME,
  TPMT_ECC_SCHEME,
  TPMT_KEYEDHASH_SCHEME,
  TPMT_SIG_SCHEME,
  TPMT_SYM_DEF_OBJECT,
  TPMT_RSA_DECRYPT,
  TPMT_SYM_DEF,
  type TpmtSymDef,
  type TpmtRsaScheme,
  type TpmtEccScheme,
} from './structures/schemes.ts';
export { seal, type SealedObject, unseal } from './protection/sealing.ts';
export { recoverSeed, type SeedKey, type SeedLabel, shareSeed } from './protection/seed.ts';
export { cipherParameter, type ParameterCipher, sessionKey, type SessionSecrets } from './client/session-crypto.ts';
export { type ParameterEncryption, type SessionStart, type SessionUse, Session } from './client/session.ts';
export { TPMT_SIGNATURE, type TpmtSignature, type SigningScheme, verifySignature } from './structures/signature.ts';
export {
  EK_TEMPLATES,
  type EkTemplate,
  type EkTemplateName,
  EK_RSA_2048,
  EK_ECC_P384,
  EK_SM2_P256,
  SRK_ECC_P256,
  SRK_RSA_2048,
  AK_ECC_P256,
  AK_RSA_2048,
  AK_RSAPSS_2048,
  type DeviceIdentityKind,
  IAK_POLICY,
  IAK_TEMPLATES,
  IDEVID_POLICY,
  IDEVID_TEMPLATES,
  HEALTH_KEY_ATTRIBUTES,
  HEALTH_KEY_NAME_ALG,
  healthKeyTemplate,
} from './keys/templates.ts';
export type { TpmTransport, TransmitOptions } from './client/transport.ts';
