import { copyOf, equal, equalConstantTime } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import type { Crypto, EcPublicKey } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import {
  HEALTH_KEY_ATTRIBUTES,
  HEALTH_KEY_NAME_ALG,
  healthKeyPolicy,
  nameOf,
  type PublicArea,
  publicKeyOf,
  qualifiedNameOfPrimary,
  TPM2B_PUBLIC,
  TPM_RH,
  type TpmtPublic,
  TPMS_ATTEST,
} from '@sekimori/tpm2';
import type { AttestationKey } from './attestation-key.ts';
import { type Attribute, wrongAttributes } from './key-rules.ts';
import { isSignedBy, type VerifiedQuote } from './quote.ts';

/** As a host sends it. */
export interface HealthKeyEvidence {
  /** TPMS_ATTEST of TPM2_Certify, without the size of its TPM2B. */
  readonly attest: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
  /** TPM2B_PUBLIC. */
  readonly healthKey: Uint8Array;
}

export interface ExpectedHealthKey {
  /** From enrolment, never from the evidence. */
  readonly attestationKey: AttestationKey;
  readonly extraData: Uint8Array;
  /** Of the same request: the key must be usable in that boot and with those PCR values only. */
  readonly quote: VerifiedQuote;
}

export type HealthKeyFault = Fault<
  | 'health-key-signature'
  | 'health-key-malformed'
  | 'health-key-type'
  | 'health-key-signer'
  | 'health-key-nonce'
  | 'health-key-quote'
  | 'health-key-counters'
  | 'health-key-name'
  | 'health-key-hierarchy'
  | 'health-key-attributes'
  | 'health-key-algorithm'
  | 'health-key-policy'
>;

const MAX_EVIDENCE = 1024;
/** IMA's register grows as programs run, so no key's policy may hold it. */
export const GROWING_PCR = 10;

/** A key that the enrolled TPM alone can use, in this boot alone, while the quoted PCRs keep their values. */
export class VerifiedHealthKey {
  readonly publicKey: EcPublicKey;
  readonly name: Uint8Array;

  private constructor(publicKey: EcPublicKey, name: Uint8Array) {
    this.publicKey = publicKey;
    this.name = name;
  }

  /**
   * - `health-key-signature`: the certification is not signed by the enrolled key in that key's scheme
   * - `health-key-malformed`: no TPMS_ATTEST or no TPM2B_PUBLIC
   * - `health-key-type`: another attestation, such as a quote
   * - `health-key-signer`, `health-key-nonce`: by another key; made for another request
   * - `health-key-quote`: the quote is of another key or request
   * - `health-key-counters`: certified in another boot than quoted
   * - `health-key-name`: another key was certified
   * - `health-key-hierarchy`: no primary of the NULL hierarchy, so it would survive the boot
   * - `health-key-attributes`, `health-key-algorithm`: not what the template says
   * - `health-key-policy`: its use is not tied to the quoted PCR values
   */
  static verify(
    crypto: Crypto,
    evidence: HealthKeyEvidence,
    expected: ExpectedHealthKey,
  ): Result<VerifiedHealthKey, HealthKeyFault> {
    const { attestationKey, quote } = expected;
    if (!equal(quote.attestationKey.name, attestationKey.name) || !equal(quote.extraData, expected.extraData))
      return fail('health-key-quote', 'the quote is of another attestation key or request');
    if (evidence.attest.length > MAX_EVIDENCE) return fail('health-key-malformed', `${evidence.attest.length} bytes`);
    const attest = copyOf(evidence.attest);
    if (!isSignedBy(crypto, attestationKey, attest, evidence.signature))
      return fail('health-key-signature', 'not signed by the enrolled attestation key');

    const decoded = decode(TPMS_ATTEST, attest);
    if (!decoded.ok) return fail('health-key-malformed', decoded.fault.detail, { cause: decoded.fault });
    const { attested, qualifiedSigner, extraData, clockInfo, firmwareVersion } = decoded.value;
    if (attested.is !== 'certify') return fail('health-key-type', `a ${attested.is} attestation, not a certification`);
    if (!equal(qualifiedSigner, attestationKey.qualifiedName))
      return fail('health-key-signer', 'the qualified signer is not the enrolled attestation key');
    if (!equalConstantTime(extraData, expected.extraData)) return fail('health-key-nonce', 'made for another request');
    const { resetCount, restartCount } = quote.counters;
    if (
      clockInfo.resetCount !== resetCount ||
      clockInfo.restartCount !== restartCount ||
      firmwareVersion !== quote.counters.firmwareVersion
    )
      return fail('health-key-counters', 'certified in another boot than quoted');

    const received = decode(TPM2B_PUBLIC, evidence.healthKey);
    if (!received.ok) return fail('health-key-malformed', received.fault.detail, { cause: received.fault });
    const area: PublicArea = received.value;
    const name = nameOf(crypto, area);
    if (!equal(attested.value.name, name)) return fail('health-key-name', 'another key was certified');
    if (!equal(attested.value.qualifiedName, qualifiedNameOfPrimary(crypto, area, TPM_RH.null)))
      return fail('health-key-hierarchy', 'no primary key of the NULL hierarchy');
    const wrong = wrongAttributes(area.value, attributesWhere(true), attributesWhere(false));
    if (wrong.length > 0) return fail('health-key-attributes', wrong.join(', '));
    if (!isTemplate(area.value)) return fail('health-key-algorithm', 'no ECDH key on P-256 with nameAlg SHA-256');
    const key = publicKeyOf(crypto, area);
    if (!key.ok || key.value.type !== 'ec') return fail('health-key-algorithm', 'the point is not on the curve');
    const policy = policyFor(crypto, quote);
    if (!policy || !equal(area.value.authPolicy, policy))
      return fail('health-key-policy', 'its policy is not PolicyPCR over the quoted values');
    return ok(new VerifiedHealthKey(key.value, name));
  }
}

function attributesWhere(value: boolean): readonly Attribute[] {
  const entries = Object.entries(HEALTH_KEY_ATTRIBUTES) as [Attribute, boolean][];
  return entries.filter(([, set]) => set === value).map(([attribute]) => attribute);
}

function isTemplate({ parameters, nameAlg }: TpmtPublic): boolean {
  if (parameters.is !== 'ecc' || nameAlg !== HEALTH_KEY_NAME_ALG) return false;
  const { curveID, symmetric, scheme, kdf } = parameters.value;
  const agreesOnly = scheme.scheme === 'null' || (scheme.scheme === 'ecdh' && scheme.hashAlg === 'sha256');
  return curveID === 'P-256' && symmetric.algorithm === 'null' && kdf.scheme === 'null' && agreesOnly;
}

/** PolicyPCR over all that was quoted but the register that grows; undefined where nothing is left. */
function policyFor(crypto: Crypto, quote: VerifiedQuote): Uint8Array | undefined {
  const { bank, indices } = quote.selection;
  const selection = { bank, indices: indices.filter((index) => index !== GROWING_PCR) };
  return healthKeyPolicy(crypto, selection, quote.pcrs);
}
