export {
  type AttestationEvidence,
  type AttestationFault,
  type AttestationKind,
  type Attested,
  type Counters,
  type ExpectedAttestation,
  VerifiedAttestation,
} from './attestation.ts';
export { AttestationKey, type AttestationKeyFault, type AttestationKeyPolicy } from './attestation-key.ts';
export { activationProof, evidenceBinding, type EvidenceContext } from './binding.ts';
export { type CertificationFault, type ExpectedCertification, VerifiedCertification } from './certification.ts';
export { EndorsementKey, type EndorsementKeyFault } from './endorsement-key.ts';
export {
  type ExpectedHealthKey,
  GROWING_PCR,
  type HealthKeyEvidence,
  type HealthKeyFault,
  VerifiedHealthKey,
} from './health-key.ts';
export {
  type ExpectedQuote,
  type InsecureSha1Selection,
  type PcrValue,
  type QuoteEvidence,
  type QuoteFault,
  VerifiedQuote,
} from './quote.ts';
