import { copyOf, equal, equalConstantTime } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import type { Crypto } from '@sekimori/crypto-core';
import { type Failed, type Fault, fail, ok, type Result } from '@sekimori/result';
import { type TpmsAttest, TPMS_ATTEST, TPMT_SIGNATURE, verifySignature } from '@sekimori/tpm2';
import type { AttestationKey } from './attestation-key.ts';

/** As a host sends it. */
export interface AttestationEvidence {
  /** TPMS_ATTEST, without the size of its TPM2B: at most 1024 bytes, of TPM2_NV_Certify 2304. */
  readonly attest: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

/** Part 2, 10.11. Of a key of the endorsement hierarchy; other keys show obfuscated counts. */
export interface Counters {
  /** Grows with each start of the TPM from power off. */
  readonly resetCount: number;
  /** Restarts and resumes since the last reset: more than 0 means sleep or hibernation. */
  readonly restartCount: number;
  /** Milliseconds, monotonic while the two counts stand. */
  readonly clock: bigint;
  /** TPM_PT_FIRMWARE_VERSION_1 << 32 | _2, in the vendor's form. */
  readonly firmwareVersion: bigint;
}

/** What an attestation is judged by: all of it the verifier's own. */
export interface ExpectedAttestation {
  /** From enrolment, never from the evidence. */
  readonly attestationKey: AttestationKey;
  /** At least 16 bytes, fresh for this attestation. */
  readonly extraData: Uint8Array;
  /** Of the last accepted attestation by this key; undefined before the first. */
  readonly previous: Counters | undefined;
  /** Lets `extraData` be shorter, or empty: for recorded evidence. Whoever may ask twice gets such evidence played back. */
  readonly insecureShortNonce?: true;
}

/** What was attested: TPMI_ST_ATTEST without its prefix. Part 2, 10.12.10. */
export type AttestationKind = TpmsAttest['attested']['is'];
/** TPMS_QUOTE_INFO, TPMS_CERTIFY_INFO and so on, by the kind. Part 2, 10.12. */
export type Attested<Kind extends AttestationKind> = Extract<TpmsAttest['attested'], { readonly is: Kind }>['value'];

/** See `VerifiedAttestation.verify`. */
export type AttestationFault = Fault<
  | 'attestation-signature'
  | 'attestation-malformed'
  | 'attestation-type'
  | 'attestation-signer'
  | 'attestation-nonce'
  | 'attestation-reset-count'
  | 'attestation-restart-count'
  | 'attestation-clock'
>;

/** Bytes: far more than names, digests and PCR selections fill. */
const MAX_ATTEST = 1024;
/** TPM2B_ATTEST, with what TPM2_NV_Certify may put in. Part 2, 10.12.13. */
const MAX_NV_ATTEST = 2304;
/** Bytes; one of an RSA-4096 key has 518. */
const MAX_SIGNATURE = 1024;
const MIN_EXTRA_DATA = 16;

/**
 * Any attestation that an enrolled TPM signed for this request: of TPM2_CertifyCreation, TPM2_GetTime, TPM2_NV_Certify or
 * an audit. What it says is for the caller to compare. For TPM2_Quote and TPM2_Certify there are `VerifiedQuote` and
 * `VerifiedCertification`.
 */
export class VerifiedAttestation<Kind extends AttestationKind> {
  readonly attestationKey: AttestationKey;
  readonly extraData: Uint8Array;
  readonly attested: Attested<Kind>;
  readonly counters: Counters;
  /** False when the TPM cannot rule out that its clock went back: worth a warning. */
  readonly clockSafe: boolean;

  private constructor(expected: ExpectedAttestation, signed: Signed<Kind>) {
    this.attestationKey = expected.attestationKey;
    this.extraData = copyOf(expected.extraData);
    this.attested = signed.attested;
    this.counters = signed.counters;
    this.clockSafe = signed.clockSafe;
  }

  /**
   * - `attestation-signature`: not signed by the enrolled key in that key's scheme
   * - `attestation-malformed`: signed bytes that are no TPMS_ATTEST: another magic, a length out of range, a byte left over
   * - `attestation-type`: of another kind
   * - `attestation-signer`: the qualified name is not the enrolled key's
   * - `attestation-nonce`: made for another request
   * - `attestation-reset-count`, `attestation-restart-count`, `attestation-clock`: below the last accepted one's; the first
   *   means a cleared or replaced TPM, to be enrolled anew
   */
  static verify<Kind extends AttestationKind>(
    crypto: Crypto,
    kind: Kind,
    evidence: AttestationEvidence,
    expected: ExpectedAttestation,
  ): Result<VerifiedAttestation<Kind>, AttestationFault> {
    const signed = signedFor(crypto, 'attestation', kind, evidence, expected);
    if (!signed.ok) return signed;
    const behind = fallenBehind('attestation', signed.value.counters, expected.previous);
    return behind ?? ok(new VerifiedAttestation(expected, signed.value));
  }
}

/** The signed part of any attestation. */
export interface Signed<Kind extends AttestationKind> {
  readonly attested: Attested<Kind>;
  readonly counters: Counters;
  readonly clockSafe: boolean;
}

type SignedCode<Subject extends string> = `${Subject}-${'signature' | 'malformed' | 'type' | 'signer' | 'nonce'}`;
type BehindCode<Subject extends string> = `${Subject}-${'reset-count' | 'restart-count' | 'clock'}`;

/** What all attestations have in common, its faults named after `subject`. The counters are for `fallenBehind`. */
export function signedFor<Subject extends string, Kind extends AttestationKind>(
  crypto: Crypto,
  subject: Subject,
  kind: Kind,
  evidence: AttestationEvidence,
  { attestationKey, extraData: nonce, insecureShortNonce }: ExpectedAttestation,
): Result<Signed<Kind>, Fault<SignedCode<Subject>>> {
  // Expectations come from us: a weak one is a bug, not evidence gone wrong.
  if (nonce.length < MIN_EXTRA_DATA && !insecureShortNonce) throw new RangeError('extraData needs 16 bytes at least');
  const most = kind === 'nv' ? MAX_NV_ATTEST : MAX_ATTEST;
  if (evidence.attest.length > most) return fail(`${subject}-malformed`, `${evidence.attest.length} bytes`);
  const attest = copyOf(evidence.attest); // ours: the same bytes are checked and read
  // The signature first: nothing inside the bytes is believed before it holds.
  if (!isSignedBy(crypto, attestationKey, attest, evidence.signature))
    return fail(`${subject}-signature`, 'not signed by the enrolled attestation key');

  const decoded = decode(TPMS_ATTEST, attest);
  if (!decoded.ok) return fail(`${subject}-malformed`, decoded.fault.detail, { cause: decoded.fault });
  const { attested, qualifiedSigner, extraData, clockInfo, firmwareVersion } = decoded.value;
  if (attested.is !== kind) return fail(`${subject}-type`, `attests ${attested.is}, not ${kind}`);
  if (!equal(qualifiedSigner, attestationKey.qualifiedName))
    return fail(`${subject}-signer`, 'the qualified signer is not the enrolled attestation key');
  if (!equalConstantTime(extraData, nonce)) return fail(`${subject}-nonce`, 'made for another request');
  const { resetCount, restartCount, clock, safe } = clockInfo;
  const counters = { resetCount, restartCount, clock, firmwareVersion };
  return ok({ attested: attested.value as Attested<Kind>, counters, clockSafe: safe });
}

/** A clock counts within its boot alone: a TPM that lost power may set it back. Part 1, 36. */
export function fallenBehind<Subject extends string>(
  subject: Subject,
  now: Counters,
  previous: Counters | undefined,
): Failed<Fault<BehindCode<Subject>>> | undefined {
  if (!previous) return undefined;
  if (now.resetCount < previous.resetCount)
    return fail(`${subject}-reset-count`, `resetCount is ${now.resetCount}, was ${previous.resetCount}`);
  if (now.resetCount > previous.resetCount) return undefined;
  if (now.restartCount < previous.restartCount)
    return fail(`${subject}-restart-count`, `restartCount is ${now.restartCount}, was ${previous.restartCount}`);
  if (now.restartCount > previous.restartCount) return undefined;
  if (now.clock < previous.clock) return fail(`${subject}-clock`, `clock is ${now.clock}, was ${previous.clock}`);
  return undefined;
}

/** Whether `signature` (a TPMT_SIGNATURE with nothing after it) is the key's over `attest`. */
function isSignedBy(crypto: Crypto, key: AttestationKey, attest: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length > MAX_SIGNATURE) return false;
  const decoded = decode(TPMT_SIGNATURE, signature);
  return decoded.ok && verifySignature(crypto, key.publicKey, key.scheme, attest, decoded.value);
}
