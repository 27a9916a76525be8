import type { RetireReply } from '@sekimori/protocol';
import type { AttestationDeps } from '../deps.ts';
import type { Act } from './hosts.ts';

/**
 * What becomes of certificates that were issued before a change. The change comes first and this after it, so that nothing which
 * was appraised by what held before gets past both; where this fails, the administrator sees it and asks again.
 */
export async function outstanding(
  deps: AttestationDeps,
  applyNow: boolean,
  reason: string,
  act: Act,
): Promise<Pick<RetireReply, 'certificatesUntil' | 'denyIssuedBefore'>> {
  const ends = deps.clock.now().getTime() + 1000 * deps.settings.certificateSeconds;
  return {
    certificatesUntil: new Date(ends).toISOString(),
    ...(applyNow && { denyIssuedBefore: (await denyIssuedUntilNow(deps, reason, act)).toISOString() }),
  };
}

export async function denyIssuedUntilNow(
  { store, clock }: Pick<AttestationDeps, 'store' | 'clock'>,
  reason: string,
  act: Act,
): Promise<Date> {
  const at = clock.now();
  const body = { before: at.toISOString(), reason };
  const audit = { at, kind: 'policy.applied-now', ...act, subject: 'policy', body };
  const denied = await store.denyIssuedBefore({ before: at, audit });
  if (denied.ok) return denied.value;
  // a node whose clock is ahead was here: what stands denies more
  const { denyIssuedBefore } = await store.revocations(at);
  if (!denyIssuedBefore) throw new Error('it went back from nothing');
  return denyIssuedBefore;
}
