import { parseCertificate } from '@sekimori/pki';
import { ok, type Result } from '@sekimori/result';
import { sameKey } from '@sekimori/crypto-core';
import { createHealthKey, type LoadedKey, publicKeyOf, type Tpm } from '@sekimori/tpm2';
import type { AttestDeps } from './deps.ts';
import { healthKeySelection } from './evidence.ts';
import { type HostFault, hostFault } from './faults.ts';
import type { HealthCertificate } from './state/state.ts';
import { withTpm } from './tpm-lock.ts';

/**
 * Makes the health key again, for the time of `work`. The same template under the same seed gives the same key: `health-key-changed` when the
 * TPM was reset or a PCR of its policy has another value than at the attestation.
 */
export async function withHealthKey<T>(
  tpm: Tpm,
  health: HealthCertificate,
  work: (key: LoadedKey) => Promise<Result<T, HostFault>>,
): Promise<Result<T, HostFault>> {
  const certificate = parseCertificate(health.certificate);
  if (!certificate.ok) return certificate;
  const certified = certificate.value.publicKey(tpm.crypto);
  if (!certified.ok) return certified;
  const made = await createHealthKey(tpm, healthKeySelection(health.pcrs));
  if (!made.ok) return made;
  try {
    const own = publicKeyOf(tpm.crypto, made.value.publicArea);
    if (!own.ok || !sameKey(own.value, certified.value))
      return hostFault('health-key-changed', 'the health certificate is of another boot, or PCRs changed since');
    return await work(made.value);
  } finally {
    await tpm.flush(made.value.handle);
  }
}

/** A certificate must last this long beyond now, so that it does not end on its way. */
const MARGIN_MILLIS = 60_000;

/** Whether a certificate is good for now, in this boot. Faults and rejections are those of the TPM. */
export async function isUsable(
  { tpm, clock }: Pick<AttestDeps, 'tpm' | 'clock'>,
  health: HealthCertificate,
): Promise<Result<boolean, HostFault>> {
  if (health.notAfter.getTime() - MARGIN_MILLIS <= clock.now().getTime()) return ok(false);
  const same = await withTpm(tpm, () => withHealthKey(tpm, health, async () => ok(true)));
  return !same.ok && same.fault.code === 'health-key-changed' ? ok(false) : same;
}
