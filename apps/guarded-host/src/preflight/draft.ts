import { concat, equal } from '@sekimori/bytes';
import { type Crypto, hashLength } from '@sekimori/crypto-core';
import { EV, type ReadEvent } from '@sekimori/event-log';

/** The bank that hosts are attested by. Secure Boot lists images by the same hash. */
export const BANK = 'sha256';

/** What becomes of one measurement of this boot at the next one. */
export type Next =
  /** Made again from what is on disk, a fixed value, or of firmware and hardware, which stay. */
  | { readonly is: 'same' }
  /** In its place stand these; none where it is not made any more. */
  | { readonly is: 'changed'; readonly digests: readonly Uint8Array[] }
  | { readonly is: 'unknown' };

export type FindingId =
  | 'image-changed'
  | 'image-missing'
  | 'image-unreadable'
  | 'image-refused'
  | 'authority-changed'
  | 'sections-changed'
  | 'command-line-changed'
  | 'initrd-changed'
  | 'file-changed'
  | 'loader-changed'
  | 'loader-config-changed'
  | 'loader-entry-changed'
  | 'files-beside-image'
  | 'variable-changed'
  | 'variables-unreadable'
  | 'boot-option-changed'
  | 'boot-order-changed'
  | 'boot-choice-differs'
  | 'partition-table-changed'
  | 'partition-table-unreadable'
  | 'firmware-update-pending'
  | 'key-change-pending'
  | 'not-recomputed'
  | 'log-mismatch';

/**
 * One reason why the next boot may not be measured as this one was. `changes`: the new value is known. `unknown`: it cannot be
 * told. `refused`: firmware or loader will not start it.
 */
export interface Finding {
  readonly id: FindingId;
  readonly effect: 'changes' | 'unknown' | 'refused';
  /** The PCRs whose value it concerns. */
  readonly pcrs: readonly number[];
  /** File, variable or whatever it is about. */
  readonly subject: string;
  readonly detail: string;
}

/** The next boot as far as it is known, filled while the log of this one is walked. */
export class Draft {
  readonly crypto: Crypto;
  readonly bank = BANK;
  readonly events: readonly ReadEvent[];
  readonly findings: Finding[] = [];
  readonly #next = new Map<number, Next>();

  constructor(crypto: Crypto, events: readonly ReadEvent[]) {
    this.crypto = crypto;
    this.events = events;
  }

  hash(data: Uint8Array): Uint8Array {
    return this.crypto.hash(this.bank, data);
  }

  next(event: ReadEvent): Next | undefined {
    return this.#next.get(event.index);
  }

  same(...events: readonly ReadEvent[]): void {
    for (const { index } of events) this.#next.set(index, { is: 'same' });
  }

  /** Same where the digest is the measured one; whether it was. */
  becomes(event: ReadEvent, digest: Uint8Array): boolean {
    const isSame = equal(digest, event.digest);
    this.#next.set(event.index, isSame ? { is: 'same' } : { is: 'changed', digests: [digest] });
    return isSame;
  }

  replacedBy(event: ReadEvent, digests: readonly Uint8Array[]): void {
    this.#next.set(event.index, { is: 'changed', digests });
  }

  unknown(...events: readonly ReadEvent[]): void {
    for (const { index } of events) this.#next.set(index, { is: 'unknown' });
  }

  find(id: FindingId, effect: Finding['effect'], subject: string, pcrs: readonly number[], detail: string): void {
    const known = this.findings.some((each) => each.id === id && each.subject === subject && each.detail === detail);
    if (!known) this.findings.push({ id, effect, pcrs, subject, detail });
  }

  /** The value of a PCR after the next boot; undefined where it is not known. Not for PCR 0, whose start is the TPM's. */
  replay(pcr: number): Uint8Array | undefined {
    let value: Uint8Array = new Uint8Array(hashLength(this.bank));
    for (const event of this.events) {
      if (event.pcr !== pcr || event.type === EV.EV_NO_ACTION) continue;
      const next = this.next(event) ?? { is: 'unknown' };
      if (next.is === 'unknown') return undefined;
      for (const digest of next.is === 'changed' ? next.digests : [event.digest])
        value = this.hash(concat(value, digest));
    }
    return value;
  }
}
