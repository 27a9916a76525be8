import { fromHex, toHex } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import { AttestationKey, VerifiedQuote } from '../src/index.ts';

// Runs in Node and in the page: what both say is compared.

/** A quote and what is expected of it. Bytes are hex, so that it can be handed to the page. */
export interface QuoteCase {
  readonly name: string;
  /** What Node is expected to say: `ok` or a fault code. */
  readonly expected: string;
  /** TPM2B_PUBLIC. */
  readonly attestationKey: string;
  /** Where the key is no primary key. */
  readonly qualifiedName: string | undefined;
  readonly attest: string;
  readonly signature: string;
  readonly extraData: string;
  readonly bank: 'sha256' | 'sha384';
  readonly pcrs: readonly (readonly [index: number, value: string])[];
  /** A bit is changed in each of the bytes 0, n, 2n … of each part, one at a time; 0 for none. */
  readonly step: number;
}

export interface Outcome {
  readonly name: string;
  /** What has a bit changed, if anything. */
  readonly changed: 'attestationKey' | 'attest' | 'signature' | 'extraData' | 'pcrs' | undefined;
  /** `ok` or a fault code. */
  readonly says: string;
  /** What was verified, or why it was not: all that the verifier tells. */
  readonly detail: unknown;
}

const PARTS = ['attestationKey', 'attest', 'signature', 'extraData'] as const;

/** The quote as it is first, then with one bit changed. */
export function outcomesOf(crypto: Crypto, quote: QuoteCase): readonly Outcome[] {
  const outcomes = [outcomeOf(crypto, quote, quote.name, undefined)];
  if (quote.step === 0) return outcomes;
  for (const part of PARTS)
    for (let at = 0; at < quote[part].length / 2; at += quote.step) {
      const changed = { ...quote, [part]: flipped(quote[part], at) };
      outcomes.push(outcomeOf(crypto, changed, `${quote.name}, byte ${at} of ${part}`, part));
    }
  quote.pcrs.forEach(([index, value], place) => {
    const changed = quote.pcrs.with(place, [index, flipped(value, place % 32)]);
    outcomes.push(outcomeOf(crypto, { ...quote, pcrs: changed }, `${quote.name}, PCR ${index}`, 'pcrs'));
  });
  return outcomes;
}

function outcomeOf(crypto: Crypto, quote: QuoteCase, name: string, changed: Outcome['changed']): Outcome {
  const { qualifiedName, bank, pcrs } = quote;
  const key = AttestationKey.enrol(
    crypto,
    bytes(quote.attestationKey),
    qualifiedName === undefined ? undefined : bytes(qualifiedName),
  );
  if (!key.ok) return { name, changed, says: key.fault.code, detail: key.fault };
  const verified = VerifiedQuote.verify(
    crypto,
    {
      attest: bytes(quote.attest),
      signature: bytes(quote.signature),
      pcrs: pcrs.map(([index, value]) => ({ index, value: bytes(value) })),
    },
    {
      attestationKey: key.value,
      extraData: bytes(quote.extraData),
      selection: { bank, indices: pcrs.map(([index]) => index) },
      previous: undefined,
    },
  );
  if (!verified.ok) return { name, changed, says: verified.fault.code, detail: verified.fault };
  const { counters, clockSafe } = verified.value;
  const values = [...verified.value.pcrs].map(([index, value]) => [index, toHex(value)]);
  const numbers = Object.entries(counters).map(([field, value]) => [field, String(value)]);
  return { name, changed, says: 'ok', detail: { name: toHex(key.value.name), values, numbers, clockSafe } };
}

function flipped(hex: string, at: number): string {
  const changed = bytes(hex);
  changed[at]! ^= 1;
  return toHex(changed);
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  const out = fromHex(hex);
  if (!out) throw new Error(`${hex} is not hex`);
  return out;
}
