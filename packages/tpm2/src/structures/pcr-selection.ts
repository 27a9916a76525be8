import { concat } from '@sekimori/bytes';
import { blob, type Codec, list, mapped, struct, u8, u32 } from '@sekimori/codec';
import type { Crypto, HashName } from '@sekimori/crypto-core';
import { TPM_ALG_ID, TPMI_ALG_HASH } from './algorithms.ts';

/** PCRs of one bank, ascending, without repetition. */
export interface PcrSelection<Bank = HashName> {
  readonly bank: Bank;
  readonly indices: readonly number[];
}

/** TPMS_PCR_SELECT: bit n of byte n/8 selects PCR n. Part 2, 10.6.1. Three bytes are written, four where PCR 24 and up are meant. */
export const TPMS_PCR_SELECT: Codec<readonly number[]> = mapped(
  blob(u8, 4, 'TPMS_PCR_SELECT'),
  'no bitmap',
  indicesOf,
  bitmapOf,
);

/** TPMS_PCR_SELECTION. Part 2, 10.6.2. */
export const TPMS_PCR_SELECTION: Codec<PcrSelection> = selectionOf(TPMI_ALG_HASH);
/** PCRs of several banks. Part 2, 10.9.7. */
export const TPML_PCR_SELECTION = list(u32, 16, TPMS_PCR_SELECTION);
/** As the PCRS capability lists banks: also those of hashes we cannot compute. Part 2, 10.10.1. */
export const TPML_PCR_BANKS = list(u32, 16, selectionOf(TPM_ALG_ID));

/** TPM2_Quote and TPM2_PolicyPCR: the values in selection order, within a bank ascending, hashed. Part 1, 17. */
export function pcrDigestOf(crypto: Crypto, hash: HashName, values: readonly Uint8Array[]): Uint8Array {
  return crypto.hash(hash, concat(...values));
}

function selectionOf<Bank>(bank: Codec<Bank>): Codec<PcrSelection<Bank>> {
  return struct('TPMS_PCR_SELECTION').field('bank', bank).field('indices', TPMS_PCR_SELECT);
}

function indicesOf(bitmap: Uint8Array): readonly number[] {
  const indices: number[] = [];
  for (let index = 0; index < 8 * bitmap.length; index++)
    if (((bitmap[index >> 3] as number) >> (index & 7)) & 1) indices.push(index);
  return indices;
}

function bitmapOf(indices: readonly number[]): Uint8Array {
  const bitmap = new Uint8Array(indices.some((index) => index > 23) ? 4 : 3);
  for (const index of indices) {
    if (!Number.isInteger(index) || index < 0 || index > 31) throw new RangeError(`${index} is not a PCR`);
    bitmap[index >> 3]! |= 1 << (index & 7);
  }
  return bitmap;
}
