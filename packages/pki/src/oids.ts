/** Extensions of certificates, CRLs and their entries, RFC 5280 sections 4.2, 5.2 and 5.3. */
export const EXTENSION = {
  subjectDirectoryAttributes: '2.5.29.9',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  deltaCrlIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  certificateIssuer: '2.5.29.29',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
  authorityInformationAccess: '1.3.6.1.5.5.7.1.1',
} as const;

/** Our arc: 2.25 and a UUID as a number (ITU-T X.667), 78342b21-8c67-49fd-b8ec-ec30133cb9fd. Fixed for ever. */
export const SEKIMORI_ARC = '2.25.159778233732428805925205209005305483773';

/** Purposes, RFC 5280 section 4.2.1.12, tcg-kp of the TCG EK Credential Profile, and ours. */
export const PURPOSE = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  tcgEndorsementKey: '2.23.133.8.1',
  tcgPlatformCertificate: '2.23.133.8.2',
  tcgAttestationKey: '2.23.133.8.3',
  /** This key receives what a relying party releases to a healthy host. */
  hostHealth: `${SEKIMORI_ARC}.1.1`,
} as const;

/** TCG attributes in names and subjectDirectoryAttributes, TCG EK Credential Profile. */
export const TCG_ATTRIBUTE = {
  tpmManufacturer: '2.23.133.2.1',
  tpmModel: '2.23.133.2.2',
  tpmVersion: '2.23.133.2.3',
  tpmSpecification: '2.23.133.2.16',
  tpmSecurityAssertions: '2.23.133.2.18',
} as const;

/** Attribute types with a short name in RFC 4514 section 3, and those that vendors use besides. */
export const NAME_ATTRIBUTE = {
  CN: '2.5.4.3',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  DC: '0.9.2342.19200300.100.1.25',
  UID: '0.9.2342.19200300.100.1.1',
} as const;
