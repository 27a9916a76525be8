import { copyOf, equal, equalConstantTime } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { type Crypto, hashLength, type HashName } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { type PcrSelection, pcrDigestOf, TPMS_ATTEST, TPMT_SIGNATURE, verifySignature } from '@sekimori/tpm2';
import type { AttestationKey } from './attestation-key.ts';

export interface PcrValue {
  readonly index: number;
  readonly value: Uint8Array;
}

/** As a host sends it. */
export interface QuoteEvidence {
  /** TPMS_ATTEST, without the size of its TPM2B. */
  readonly attest: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
  /** The values of exactly the quoted PCRs, in any order. */
  readonly pcrs: readonly PcrValue[];
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

export interface ExpectedQuote {
  /** From enrolment, never from the evidence. */
  readonly attestationKey: AttestationKey;
  /** At least 16 bytes, fresh for this quote. */
  readonly extraData: Uint8Array;
  /** One bank, SHA-256 or longer, and exactly the PCRs to be quoted. */
  readonly selection: PcrSelection<Exclude<HashName, 'sha1'>>;
  /** Of the last accepted quote by this key; undefined before the first. */
  readonly previous: Counters | undefined;
}

export type QuoteFault = Fault<
  | 'quote-signature'
  | 'quote-malformed'
  | 'quote-type'
  | 'quote-signer'
  | 'quote-nonce'
  | 'quote-selection'
  | 'quote-pcr-values'
  | 'quote-digest'
  | 'quote-pcr-unextended'
  | 'quote-reset-count'
  | 'quote-restart-count'
  | 'quote-clock'
>;

const MAX_EVIDENCE = 1024;
const MIN_EXTRA_DATA = 16;
/** PCRs that every firmware extends before it starts anything else. TCG PC Client Platform Firmware Profile, 3.3.4. */
const FIRMWARE_PCRS = 8;

/** A quote that an enrolled TPM signed for this request, and the PCR values it is over. */
export class VerifiedQuote {
  readonly attestationKey: AttestationKey;
  readonly extraData: Uint8Array;
  readonly selection: PcrSelection;
  readonly counters: Counters;
  /** False when the TPM cannot rule out that its clock went back: worth a warning. */
  readonly clockSafe: boolean;
  readonly #pcrs: ReadonlyMap<number, Uint8Array>;

  private constructor(
    expected: ExpectedQuote,
    pcrs: ReadonlyMap<number, Uint8Array>,
    counters: Counters,
    clockSafe: boolean,
  ) {
    this.attestationKey = expected.attestationKey;
    this.extraData = copyOf(expected.extraData);
    this.selection = { bank: expected.selection.bank, indices: [...pcrs.keys()] };
    this.counters = counters;
    this.clockSafe = clockSafe;
    this.#pcrs = pcrs;
  }

  /** The value the TPM signed for; undefined for a PCR that is not in the quote. */
  pcr(index: number): Uint8Array | undefined {
    const value = this.#pcrs.get(index);
    return value && copyOf(value);
  }

  /** All of them, ascending. */
  get pcrs(): ReadonlyMap<number, Uint8Array> {
    return new Map([...this.#pcrs].map(([index, value]) => [index, copyOf(value)]));
  }

  /**
   * - `quote-signature`: not signed by the enrolled key in that key's scheme
   * - `quote-malformed`: signed bytes that are no TPMS_ATTEST: another magic, a length out of range, a byte left over
   * - `quote-type`: another attestation, such as a certification
   * - `quote-signer`: the qualified name is not the enrolled key's
   * - `quote-nonce`: made for another request
   * - `quote-selection`: another bank or other PCRs than asked for
   * - `quote-pcr-values`: the claimed values are not exactly one for each quoted PCR
   * - `quote-digest`: the claimed values are not what was quoted
   * - `quote-pcr-unextended`: the firmware left a PCR of 0 to 7 as it was at reset, so anyone may have filled the bank
   * - `quote-reset-count`, `quote-restart-count`, `quote-clock`: below the last accepted quote's; the first means a
   *   cleared or replaced TPM, to be enrolled anew
   */
  static verify(crypto: Crypto, evidence: QuoteEvidence, expected: ExpectedQuote): Result<VerifiedQuote, QuoteFault> {
    requireSound(expected);
    const { attestationKey } = expected;
    if (evidence.attest.length > MAX_EVIDENCE) return fail('quote-malformed', `${evidence.attest.length} bytes`);
    const attest = copyOf(evidence.attest); // ours: the same bytes are checked and read
    if (!isSignedBy(crypto, attestationKey, attest, evidence.signature))
      return fail('quote-signature', 'not signed by the enrolled attestation key');

    const decoded = decode(TPMS_ATTEST, attest);
    if (!decoded.ok) return fail('quote-malformed', decoded.fault.detail, { cause: decoded.fault });
    const { attested, qualifiedSigner, extraData, clockInfo, firmwareVersion } = decoded.value;
    if (attested.is !== 'quote') return fail('quote-type', `a ${attested.is} attestation, not a quote`);
    if (!equal(qualifiedSigner, attestationKey.qualifiedName))
      return fail('quote-signer', 'the qualified signer is not the enrolled attestation key');
    if (!equalConstantTime(extraData, expected.extraData)) return fail('quote-nonce', 'made for another request');

    const indices = expected.selection.indices.toSorted((a, b) => a - b);
    const [selected, ...more] = attested.value.pcrSelect;
    if (more.length > 0 || selected?.bank !== expected.selection.bank || !sameIndices(selected.indices, indices))
      return fail('quote-selection', `quotes ${describe(attested.value.pcrSelect)}`);
    const pcrs = valuesOf(evidence.pcrs, expected.selection.bank, indices);
    if (!pcrs) return fail('quote-pcr-values', `not exactly one value for each of PCR ${indices.join(', ')}`);
    // The digest is made with the hash of the signature scheme, whatever the bank.
    if (!equal(pcrDigestOf(crypto, attestationKey.scheme.hashAlg, [...pcrs.values()]), attested.value.pcrDigest))
      return fail('quote-digest', 'the PCR values are not those that were quoted');
    const untouched = [...pcrs].filter(([index, value]) => index < FIRMWARE_PCRS && isResetValue(value));
    if (untouched.length > 0)
      return fail('quote-pcr-unextended', `PCR ${untouched.map(([index]) => index).join(', ')} was never extended`);

    const { resetCount, restartCount, clock, safe } = clockInfo;
    const counters = { resetCount, restartCount, clock, firmwareVersion };
    const behind = fallenBehind(counters, expected.previous);
    return behind ?? ok(new VerifiedQuote(expected, pcrs, counters, safe));
  }
}

/** Whether `signature` (a TPMT_SIGNATURE with nothing after it) is the key's over `attest`. */
export function isSignedBy(crypto: Crypto, key: AttestationKey, attest: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length > MAX_EVIDENCE) return false;
  const decoded = decode(TPMT_SIGNATURE, signature);
  return decoded.ok && verifySignature(crypto, key.publicKey, key.scheme, attest, decoded.value);
}

/** Expectations come from us: a weak one is a bug, not evidence gone wrong. */
function requireSound({ extraData, selection }: ExpectedQuote): void {
  if (extraData.length < MIN_EXTRA_DATA) throw new RangeError('extraData needs 16 bytes at least');
  if (selection.indices.length === 0) throw new RangeError('a quote over no PCR proves nothing');
  if (new Set(selection.indices).size !== selection.indices.length) throw new RangeError('a PCR is asked for twice');
  if ((selection.bank as HashName) === 'sha1') throw new RangeError('a SHA-1 bank proves nothing');
}

function valuesOf(
  claimed: readonly PcrValue[],
  bank: HashName,
  indices: readonly number[],
): ReadonlyMap<number, Uint8Array> | undefined {
  if (claimed.length !== indices.length) return undefined;
  const byIndex = new Map(claimed.map(({ index, value }) => [index, copyOf(value)]));
  const values = new Map<number, Uint8Array>();
  for (const index of indices) {
    const value = byIndex.get(index);
    if (value?.length !== hashLength(bank)) return undefined;
    values.set(index, value);
  }
  return values;
}

function isResetValue(value: Uint8Array): boolean {
  return value.every((byte) => byte === 0) || value.every((byte) => byte === 0xff);
}

function fallenBehind(
  now: Counters,
  previous: Counters | undefined,
): ReturnType<typeof fail<QuoteFault['code']>> | undefined {
  if (!previous) return undefined;
  if (now.resetCount < previous.resetCount)
    return fail('quote-reset-count', `resetCount is ${now.resetCount}, was ${previous.resetCount}`);
  if (now.resetCount > previous.resetCount) return undefined;
  if (now.restartCount < previous.restartCount)
    return fail('quote-restart-count', `restartCount is ${now.restartCount}, was ${previous.restartCount}`);
  if (now.restartCount > previous.restartCount) return undefined;
  if (now.clock < previous.clock) return fail('quote-clock', `clock is ${now.clock}, was ${previous.clock}`);
  return undefined;
}

function sameIndices(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((index, at) => index === b[at]);
}

function describe(selections: readonly PcrSelection[]): string {
  return selections.map(({ bank, indices }) => `${bank}:${indices.join(',')}`).join(' + ') || 'nothing';
}
