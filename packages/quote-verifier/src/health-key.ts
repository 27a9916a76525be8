import { equal } from '@sekimori/bytes';
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
} from '@sekimori/tpm2';
import type { AttestationEvidence } from './attestation.ts';
import type { AttestationKey } from './attestation-key.ts';
import { type CertificationFault, VerifiedCertification } from './certification.ts';
import { type Attribute, wrongAttributes } from './key-rules.ts';
import type { VerifiedQuote } from './quote.ts';

/** As a host sends it: TPM2_Certify of its health key. */
export interface HealthKeyEvidence extends AttestationEvidence {
  /** TPM2B_PUBLIC. */
  readonly healthKey: Uint8Array;
}

/** What a health key is judged by. */
export interface ExpectedHealthKey {
  /** From enrolment, never from the evidence. */
  readonly attestationKey: AttestationKey;
  readonly extraData: Uint8Array;
  /** Of the same request: the key must be usable in that boot and with those PCR values only. */
  readonly quote: VerifiedQuote;
}

/** See `VerifiedHealthKey.verify`. */
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
    const { attestationKey, quote, extraData } = expected;
    if (!equal(quote.attestationKey.name, attestationKey.name) || !equal(quote.extraData, extraData))
      return fail('health-key-quote', 'the quote is of another attestation key or request');
    const received = decode(TPM2B_PUBLIC, evidence.healthKey);
    if (!received.ok) return fail('health-key-malformed', received.fault.detail, { cause: received.fault });
    const area: PublicArea = received.value;
    const name = nameOf(crypto, area);
    const certification = VerifiedCertification.verify(crypto, evidence, {
      attestationKey,
      extraData,
      name,
      qualifiedName: qualifiedNameOfPrimary(crypto, area, TPM_RH.null),
      previous: undefined, // the quote's was checked: what counts is that both are of one boot
    });
    if (!certification.ok)
      return fail(CODES[certification.fault.code], certification.fault.detail, { cause: certification.fault });
    const { resetCount, restartCount, firmwareVersion } = certification.value.counters;
    if (
      resetCount !== quote.counters.resetCount ||
      restartCount !== quote.counters.restartCount ||
      firmwareVersion !== quote.counters.firmwareVersion
    )
      return fail('health-key-counters', 'certified in another boot than quoted');
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

/** What a fault of the certification means for the key it certifies. */
const CODES = {
  'certification-signature': 'health-key-signature',
  'certification-malformed': 'health-key-malformed',
  'certification-type': 'health-key-type',
  'certification-signer': 'health-key-signer',
  'certification-nonce': 'health-key-nonce',
  'certification-name': 'health-key-name',
  'certification-qualified-name': 'health-key-hierarchy',
  'certification-reset-count': 'health-key-counters',
  'certification-restart-count': 'health-key-counters',
  'certification-clock': 'health-key-counters',
} as const satisfies Record<CertificationFault['code'], HealthKeyFault['code']>;

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
