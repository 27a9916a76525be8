export { AttestationKey, type AttestationKeyFault } from './attestation-key.ts';
export { activationProof, evidenceBinding, type EvidenceContext } from './binding.ts';
export { EndorsementKey, type EndorsementKeyFault } from './endorsement-key.ts';
export {
  type ExpectedHealthKey,
  GROWING_PCR,
  type HealthKeyEvidence,
  type HealthKeyFault,
  VerifiedHealthKey,
} from './health-key.ts';
export {
  type Counters,
  type ExpectedQuote,
  type PcrValue,
  type QuoteEvidence,
  type QuoteFault,
  VerifiedQuote,
} from './quote.ts';
