export {
  type AttestationMode,
  type Claims,
  type HostId,
  isAtLeast,
  KEY_ISOLATIONS,
  type KeyIsolation,
  type Level,
  LEVELS,
  MODES,
  parseHostId,
} from './claims.ts';
export { readClaims, writeClaims } from './claims-der.ts';
export { type HealthCertificateRequest, type IssuedHealthCertificate, issueHealthCertificate } from './issue.ts';
export { HOST_HEALTH, HOST_HEALTH_CLAIMS } from './oids.ts';
export {
  MAX_REVOKED_HOSTS,
  type RevocationFault,
  type RevocationStatement,
  type RevokedHost,
  signRevocationStatement,
  verifyRevocationStatement,
} from './revocation-statement.ts';
export {
  type HealthCertificateFault,
  type HealthExpectation,
  type TrustedSigner,
  VerifiedHealthCertificate,
} from './verify.ts';
