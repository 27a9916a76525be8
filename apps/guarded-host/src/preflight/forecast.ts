import { equal, toHex } from '@sekimori/bytes';
import { hashLength } from '@sekimori/crypto-core';
import type { Draft } from './draft.ts';

/** A PCR after the next boot. Values are lower-case hex. */
export interface PcrForecast {
  readonly index: number;
  /** `same`: as after this boot. `changes`: to `next`, where all that goes into it is known. `unknown`: it cannot be told. */
  readonly state: 'same' | 'changes' | 'unknown';
  /** As the boot left it, by the log. */
  readonly now: string;
  /** For `changes` alone. */
  readonly next?: string;
}

/** The PCRs of firmware and boot, 10 aside: that one grows while the system runs, and is judged by its list. */
export const FORECAST_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14] as const;

/** `replayed`: values of the log of this boot; a PCR that is not in it was never extended. */
export function forecast(draft: Draft, replayed: ReadonlyMap<number, Uint8Array>): readonly PcrForecast[] {
  return FORECAST_PCRS.map((index) => {
    const now = replayed.get(index) ?? new Uint8Array(hashLength(draft.bank));
    const known = { index, now: toHex(now) };
    const isDoubtful = draft.findings.some(({ effect, pcrs }) => effect === 'unknown' && pcrs.includes(index));
    const events = draft.events.filter((event) => event.pcr === index);
    if (isDoubtful || events.some((event) => draft.next(event)?.is === 'unknown'))
      return { ...known, state: 'unknown' };
    if (!events.some((event) => draft.next(event)?.is === 'changed')) return { ...known, state: 'same' };
    const next = draft.replay(index);
    if (!next) return { ...known, state: 'unknown' };
    return equal(next, now) ? { ...known, state: 'same' } : { ...known, state: 'changes', next: toHex(next) };
  });
}
