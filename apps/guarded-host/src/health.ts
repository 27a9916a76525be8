import { parseCertificate } from '@sekimori/pki';
import { ok, type Result } from '@sekimori/result';
import { sameKey } from '@sekimori/crypto-core';
import { createHealthKey, type LoadedKey, publicKeyOf, type Tpm } from '@sekimori/tpm2';
import { attest } from './attest.ts';
import type { HostDeps } from './deps.ts';
import { healthKeySelection } from './evidence.ts';
import { type HostFault, hostFault } from './faults.ts';
import type { HealthCertificate } from './state/state.ts';

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

/** The certificate at hand where it is good for now, in this boot; else one by a new attestation. */
export async function currentHealth(
  deps: HostDeps,
): Promise<Result<{ readonly health: HealthCertificate; readonly isNew: boolean }, HostFault>> {
  const kept = await deps.state.health();
  if (!kept.ok) return kept;
  const health = kept.value?.certificate;
  if (health && health.notAfter.getTime() - MARGIN_MILLIS > deps.clock.now().getTime()) {
    const usable = await withHealthKey(deps.tpm, health, async () => ok(undefined));
    if (usable.ok) return ok({ health, isNew: false });
    if (usable.fault.code !== 'health-key-changed') return usable;
  }
  const fresh = await attest(deps);
  return fresh.ok ? ok({ health: fresh.value, isNew: true }) : fresh;
}
