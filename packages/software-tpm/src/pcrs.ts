import { concat, copyOf } from '@sekimori/bytes';
import { type Crypto, type HashName, hashLength } from '@sekimori/crypto-core';
import type { PcrSelection } from '@sekimori/tpm2';

export const PCR_COUNT = 24;
/** PC Client Platform TPM Profile, 4.6: DRTM registers start at all ones and belong to other localities than 0. */
const DRTM = { first: 17, last: 22 };
/** Extending these does not count as a change: debug and application registers. Same table. */
const UNCOUNTED: ReadonlySet<number> = new Set([16, 21, 22, 23]);
const RESETTABLE: ReadonlySet<number> = new Set([16, 23]);

export type StartupLocality = 0 | 3 | 4;

/** What a selection selects of the PCRs that there are. */
export interface SelectedPcrs {
  readonly selection: readonly PcrSelection[];
  /** In selection order, within a bank ascending. */
  readonly values: readonly Uint8Array[];
}

/** The banks of platform configuration registers. Part 1, 17. */
export class Pcrs {
  readonly banks: readonly HashName[];
  readonly #crypto: Crypto;
  readonly #values = new Map<HashName, Uint8Array[]>();
  #updateCounter = 0;

  constructor(crypto: Crypto, banks: readonly HashName[]) {
    this.#crypto = crypto;
    this.banks = banks;
    this.reset(0);
  }

  get updateCounter(): number {
    return this.#updateCounter;
  }

  /** TPM Reset and Restart. PCR 0 starts at the locality that TPM2_Startup or the H-CRTM came from. */
  reset(locality: StartupLocality): void {
    this.#updateCounter = 0;
    for (const bank of this.banks)
      this.#values.set(
        bank,
        Array.from({ length: PCR_COUNT }, (_, index) => startValue(bank, index, index === 0 ? locality : 0)),
      );
  }

  /** TPM Resume: the static registers keep their values. */
  resume(): void {
    for (const bank of this.banks)
      for (let index = 16; index < PCR_COUNT; index++) this.#put(bank, index, startValue(bank, index, 0));
  }

  /** False for a bank that is not there. */
  extend(index: number, bank: HashName, digest: Uint8Array): boolean {
    const old = this.value(bank, index);
    if (!old) return false;
    this.#put(bank, index, this.#crypto.hash(bank, concat(old, digest)));
    if (!UNCOUNTED.has(index)) this.#updateCounter++;
    return true;
  }

  /** TPM2_PCR_Reset. */
  clear(index: number): void {
    for (const bank of this.banks) this.#put(bank, index, startValue(bank, index, 0));
    if (!UNCOUNTED.has(index)) this.#updateCounter++;
  }

  value(bank: HashName, index: number): Uint8Array | undefined {
    return this.#values.get(bank)?.[index];
  }

  select(wanted: readonly PcrSelection[]): SelectedPcrs {
    const selection = wanted.map(({ bank, indices }) => ({
      bank,
      indices: indices.filter((index) => this.value(bank, index) !== undefined),
    }));
    const values = selection.flatMap(({ bank, indices }) =>
      indices.map((index) => copyOf(this.value(bank, index) as Uint8Array)),
    );
    return { selection, values };
  }

  #put(bank: HashName, index: number, value: Uint8Array): void {
    (this.#values.get(bank) as Uint8Array[])[index] = value;
  }
}

/** Whether locality 0, where all commands come from here, may extend the register. */
export function isExtendable(index: number): boolean {
  return index < DRTM.first || index > DRTM.last;
}

export function isResettable(index: number): boolean {
  return RESETTABLE.has(index);
}

function startValue(bank: HashName, index: number, locality: number): Uint8Array {
  const value = new Uint8Array(hashLength(bank)).fill(index >= DRTM.first && index <= DRTM.last ? 0xff : 0);
  if (locality !== 0) value[value.length - 1] = locality;
  return value;
}

/** Whether a change of it leaves the counter of changes as it is. */
export function isUncounted(index: number): boolean {
  return UNCOUNTED.has(index);
}
