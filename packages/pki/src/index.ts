export { DerCursor, readingDer } from './asn1.ts';
export { type Certificate, MAX_CERTIFICATE_BYTES, parseCertificate } from './certificate.ts';
export { type Signed, verifySignature } from './signed.ts';
export {
  type ChainFault,
  type ChainFinding,
  type ChainFindingCode,
  type Issued,
  type PathOptions,
  type ValidatedPath,
  validatePath,
} from './chain.ts';
export { ChainCache } from './chain-cache.ts';
export { type Crl, type CrlScope, MAX_CRL_BYTES, parseCrl } from './crl.ts';
export type { CrlEntries, RevocationReason, RevokedEntry } from './crl-entries.ts';
export {
  crlAddressesOf,
  crlDistributionPointsOf,
  type DistributionPoint,
  issuerAddressesOf,
} from './distribution-points.ts';
export {
  checkEndorsementCertificate,
  type EndorsementCertificate,
  type EndorsementExamination,
  type EndorsementFault,
  type EndorsementFinding,
  type EndorsementOptions,
  type EndorsementWarningCode,
  examineEndorsementCertificate,
} from './endorsement.ts';
export {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  extension,
  keyIdentifierOf,
  keyUsage,
  subjectAlternativeName,
  subjectKeyIdentifier,
} from './extension-writers.ts';
export type { Extension, Extensions, GeneralName, KeyUsage } from './extensions.ts';
export {
  type CertificateContent,
  type CertificateTemplate,
  type CertificateTemplateContent,
  certificateTemplate,
  issueCertificate,
  randomSerial,
} from './issue.ts';
export { type CrlContent, issueCrl } from './issue-crl.ts';
export { issueEndorsementAuthority, issueEndorsementCertificate } from './issue-endorsement.ts';
export { type DistinguishedName, type NameAttribute, writeName } from './names.ts';
export { certificateFromNv } from './nv.ts';
export { EXTENSION, NAME_ATTRIBUTE, PURPOSE, SEKIMORI_ARC, TCG_ATTRIBUTE } from './oids.ts';
export { certificatesFromPem, type PemBlock, readPem, writePem } from './pem.ts';
export {
  type CertificateAuthority,
  issueAttestationSignerCertificate,
  issueGuardianEncryptionCertificate,
  issueGuardianSigningCertificate,
  issueServerCa,
  issueTlsClientCertificate,
  issueTlsServerCertificate,
} from './profiles.ts';
export {
  checkRevocation,
  type CrlFault,
  type RevocationCode,
  type RevocationFinding,
  type RevocationOptions,
} from './revocation.ts';
export { isRocaWeak } from './roca.ts';
export {
  type TpmIdentity,
  type TpmSecurityAssertions,
  type TpmSpecification,
  tpmIdentityOf,
  tpmSecurityAssertionsOf,
  tpmSpecificationOf,
} from './tpm-attributes.ts';
export {
  type TrustEntry,
  type TrustFinding,
  type TrustFindingCode,
  type TrustKind,
  type TrustSource,
  TrustStore,
} from './trust-store.ts';
export { HARDWARE_TPM_VENDORS, isSoftwareTpmVendor, tpmVendorName } from './tpm-vendors.ts';
export type { CertificateSignatureAlgorithm } from './signature-algorithms.ts';
export { NO_EXPIRY } from './time.ts';
