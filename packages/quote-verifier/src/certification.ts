import { copyOf, equal } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import {
  type AttestationEvidence,
  type Counters,
  type ExpectedAttestation,
  fallenBehind,
  type Signed,
  signedFor,
} from './attestation.ts';
import type { AttestationKey } from './attestation-key.ts';

/** What a certification is judged by: all of it the verifier's own. */
export interface ExpectedCertification extends ExpectedAttestation {
  /** `nameOf` the public area that is believed after this, never taken from the evidence. */
  readonly name: Uint8Array;
  /** `qualifiedNameOfPrimary`, or `qualifiedNameOf` below a known parent: it says in which hierarchy the object lies. */
  readonly qualifiedName: Uint8Array;
}

/** See `VerifiedCertification.verify`. */
export type CertificationFault = Fault<
  | 'certification-signature'
  | 'certification-malformed'
  | 'certification-type'
  | 'certification-signer'
  | 'certification-nonce'
  | 'certification-name'
  | 'certification-qualified-name'
  | 'certification-reset-count'
  | 'certification-restart-count'
  | 'certification-clock'
>;

/**
 * TPM2_Certify by an enrolled TPM: the object of this Name was loaded in it when it signed. What the object may do, its
 * public area says.
 */
export class VerifiedCertification {
  readonly attestationKey: AttestationKey;
  readonly extraData: Uint8Array;
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
  readonly counters: Counters;
  /** False when the TPM cannot rule out that its clock went back: worth a warning. */
  readonly clockSafe: boolean;

  private constructor(expected: ExpectedCertification, signed: Signed<'certify'>) {
    this.attestationKey = expected.attestationKey;
    this.extraData = copyOf(expected.extraData);
    this.name = copyOf(expected.name);
    this.qualifiedName = copyOf(expected.qualifiedName);
    this.counters = signed.counters;
    this.clockSafe = signed.clockSafe;
  }

  /**
   * - `certification-signature`: not signed by the enrolled key in that key's scheme
   * - `certification-malformed`: signed bytes that are no TPMS_ATTEST
   * - `certification-type`: another attestation, such as a quote
   * - `certification-signer`, `certification-nonce`: by another key; made for another request
   * - `certification-name`: another object was certified
   * - `certification-qualified-name`: the object, but in another hierarchy or below another parent
   * - `certification-reset-count`, `certification-restart-count`, `certification-clock`: below the last accepted
   *   attestation's; the first means a cleared or replaced TPM, to be enrolled anew
   */
  static verify(
    crypto: Crypto,
    evidence: AttestationEvidence,
    expected: ExpectedCertification,
  ): Result<VerifiedCertification, CertificationFault> {
    const signed = signedFor(crypto, 'certification', 'certify', evidence, expected);
    if (!signed.ok) return signed;
    const { name, qualifiedName } = signed.value.attested;
    if (!equal(name, expected.name)) return fail('certification-name', 'another object was certified');
    if (!equal(qualifiedName, expected.qualifiedName))
      return fail('certification-qualified-name', 'the object lies in another hierarchy or below another parent');
    const behind = fallenBehind('certification', signed.value.counters, expected.previous);
    return behind ?? ok(new VerifiedCertification(expected, signed.value));
  }
}
