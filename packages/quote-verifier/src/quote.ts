import { copyOf, equal } from '@sekimori/bytes';
import { type Crypto, hashLength, type HashName } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import type { PcrSelection } from '@sekimori/tpm2';
import {
  type AttestationEvidence,
  type Counters,
  type ExpectedAttestation,
  fallenBehind,
  type Signed,
  signedFor,
} from './attestation.ts';
import type { AttestationKey } from './attestation-key.ts';

/** A PCR and the value that a host claims for it. */
export interface PcrValue {
  readonly index: number;
  readonly value: Uint8Array;
}

type ClaimedPcrs = readonly PcrValue[] | ReadonlyMap<number, Uint8Array>;

/** As a host sends it. */
export interface QuoteEvidence extends AttestationEvidence {
  /** The values of exactly the quoted PCRs, in any order; also as `quoteWithPcrs` of tpm2 gives them. */
  readonly pcrs: ClaimedPcrs;
}

/** SHA-1 is broken: whoever makes collisions measures one thing and runs another. For recorded evidence. */
export interface InsecureSha1Selection extends PcrSelection<'sha1'> {
  readonly insecureSha1: true;
}

/** What a quote is judged by: all of it the verifier's own. */
export interface ExpectedQuote extends ExpectedAttestation {
  /** One bank, SHA-256 or longer, and exactly the PCRs to be quoted. */
  readonly selection: PcrSelection<Exclude<HashName, 'sha1'>> | InsecureSha1Selection;
}

/** See `VerifiedQuote.verify`. */
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

/** PCRs that every firmware extends before it starts anything else. TCG PC Client Platform Firmware Profile, 3.3.4. */
const FIRMWARE_PCRS = 8;

/** A quote that an enrolled TPM signed for this request, and the PCR values it is over. */
export class VerifiedQuote {
  readonly attestationKey: AttestationKey;
  readonly extraData: Uint8Array;
  /** The PCRs ascending. */
  readonly selection: PcrSelection;
  readonly counters: Counters;
  /** False when the TPM cannot rule out that its clock went back: worth a warning. */
  readonly clockSafe: boolean;
  readonly #values: Values;

  private constructor(expected: ExpectedQuote, signed: Signed<'quote'>, values: Values) {
    this.attestationKey = expected.attestationKey;
    this.extraData = copyOf(expected.extraData);
    this.selection = { bank: expected.selection.bank, indices: values.indices };
    this.counters = signed.counters;
    this.clockSafe = signed.clockSafe;
    this.#values = values;
  }

  /** The value the TPM signed for; undefined for a PCR that is not in the quote. */
  pcr(index: number): Uint8Array | undefined {
    const at = this.#values.indices.indexOf(index);
    return at < 0 ? undefined : copyOf(this.#values.at(at));
  }

  /** All of them, ascending. */
  get pcrs(): ReadonlyMap<number, Uint8Array> {
    return new Map(this.#values.indices.map((index, at) => [index, copyOf(this.#values.at(at))]));
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
    const indices = soundIndices(expected.selection);
    const signed = signedFor(crypto, 'quote', 'quote', evidence, expected);
    if (!signed.ok) return signed;
    const { pcrSelect, pcrDigest } = signed.value.attested;
    const [selected, ...more] = pcrSelect;
    if (more.length > 0 || selected?.bank !== expected.selection.bank || !sameIndices(selected.indices, indices))
      return fail('quote-selection', `quotes ${describe(pcrSelect)}`);
    const values = Values.of(evidence.pcrs, indices, hashLength(selected.bank));
    if (!values) return fail('quote-pcr-values', `not exactly one value for each of PCR ${indices.join(', ')}`);
    // The digest is made with the hash of the signature scheme, whatever the bank.
    if (!equal(crypto.hash(expected.attestationKey.scheme.hashAlg, values.joined), pcrDigest))
      return fail('quote-digest', 'the PCR values are not those that were quoted');
    const untouched = indices.filter((index, at) => index < FIRMWARE_PCRS && isResetValue(values.at(at)));
    if (untouched.length > 0) return fail('quote-pcr-unextended', `PCR ${untouched.join(', ')} was never extended`);
    const behind = fallenBehind('quote', signed.value.counters, expected.previous);
    return behind ?? ok(new VerifiedQuote(expected, signed.value, values));
  }
}

/** Values one after the other in the order of a quote, which is ascending: as they are hashed. Part 1, 17.6. */
class Values {
  readonly indices: readonly number[];
  readonly joined: Uint8Array;
  readonly #length: number;

  private constructor(indices: readonly number[], joined: Uint8Array, length: number) {
    this.indices = indices;
    this.joined = joined;
    this.#length = length;
  }

  /** Copies. Undefined where the claimed values are not exactly one of `length` bytes for each index. */
  static of(given: ClaimedPcrs, indices: readonly number[], length: number): Values | undefined {
    const claimed = 'size' in given ? Array.from(given, ([index, value]) => ({ index, value })) : given;
    if (claimed.length !== indices.length) return undefined;
    const joined = new Uint8Array(length * indices.length);
    for (const [at, index] of indices.entries()) {
      const inOrder = claimed[at];
      const value = (inOrder?.index === index ? inOrder : claimed.find((each) => each.index === index))?.value;
      if (value?.length !== length) return undefined;
      joined.set(value, length * at);
    }
    return new Values(indices, joined, length);
  }

  at(position: number): Uint8Array {
    return this.joined.subarray(this.#length * position, this.#length * (position + 1));
  }
}

/** Our own ascending copy. Expectations come from us: a weak one is a bug, not evidence gone wrong. */
function soundIndices(selection: ExpectedQuote['selection']): readonly number[] {
  if (selection.indices.length === 0) throw new RangeError('a quote over no PCR proves nothing');
  if (selection.bank === 'sha1' && !(selection as Partial<InsecureSha1Selection>).insecureSha1)
    throw new RangeError('a SHA-1 bank proves nothing');
  const indices = [...selection.indices];
  if (indices.some((index, at) => at > 0 && index <= (indices[at - 1] as number))) indices.sort((a, b) => a - b);
  if (indices.some((index, at) => index === indices[at - 1])) throw new RangeError('a PCR is asked for twice');
  return indices;
}

function isResetValue(value: Uint8Array): boolean {
  return value.every((byte) => byte === 0) || value.every((byte) => byte === 0xff);
}

function sameIndices(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((index, at) => index === b[at]);
}

function describe(selections: readonly PcrSelection[]): string {
  return selections.map(({ bank, indices }) => `${bank}:${indices.join(',')}`).join(' + ') || 'nothing';
}
