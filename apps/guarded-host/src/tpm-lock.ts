import type { Tpm } from '@sekimori/tpm2';

const last = new WeakMap<Tpm, Promise<unknown>>();

/**
 * One piece of work at a time on this TPM, in the order of asking: a TPM holds three objects at once, and two pieces of work
 * that take turns would need more. Work must not wait for other work on the same TPM.
 */
export async function withTpm<T>(tpm: Tpm, work: () => Promise<T>): Promise<T> {
  const before = last.get(tpm);
  const mine = (before ?? Promise.resolve()).then(work);
  last.set(
    tpm,
    mine.catch(() => {}), // whoever asked hears of it
  );
  return mine;
}
