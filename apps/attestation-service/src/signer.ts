import type { Fault } from '@sekimori/result';
import type { AttestationDeps } from './deps.ts';

/** A signer whose time has not come or has ended certifies nothing that a relying party would accept. */
export function signerTrouble({
  signer,
  clock,
}: Pick<AttestationDeps, 'signer' | 'clock'>): Fault<'not-ready'> | undefined {
  const { notBefore, notAfter } = signer.certificate;
  const at = clock.now().getTime();
  if (at >= notBefore.getTime() && at < notAfter.getTime()) return undefined;
  const life = `${notBefore.toISOString()} to ${notAfter.toISOString()}`;
  return { code: 'not-ready', detail: `the attestation signer is good from ${life}` };
}
