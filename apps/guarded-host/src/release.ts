import { fromBase64Url, toBase64Url } from '@sekimori/bytes';
import { openSealedKeys, readSealedKeys, type TransportKeys } from '@sekimori/key-release';
import { keyProtectionRoutes, type ReleaseReply } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import { agreeWithHealthKey, publicKeyOf } from '@sekimori/tpm2';
import { attest } from './attest.ts';
import type { HostDeps } from './deps.ts';
import { withEnrolledKey } from './endorsement.ts';
import { healthKeySelection } from './evidence.ts';
import { type HostFault, hostFault } from './faults.ts';
import { currentHealth, withHealthKey } from './health.ts';
import type { Enrolment, HealthCertificate } from './state/state.ts';

export interface ReleasedKeys {
  /** The rolled protector: it takes the place of the one that was sent, once it is stored. */
  readonly egressProtector: Uint8Array;
  readonly keys: TransportKeys;
  /** Finds the release in the records of the key protection service. */
  readonly traceId: string;
}

/**
 * Has a key protector opened and rolled. Attests first where no health certificate is good in this boot, and once more where the service
 * does not take the one at hand. The caller wipes the keys. A retry is safe: the protector that was sent stays good.
 */
export async function releaseKeys(deps: HostDeps, protector: Uint8Array): Promise<Result<ReleasedKeys, HostFault>> {
  const kept = await deps.state.enrolment();
  if (!kept.ok) return kept;
  if (!kept.value) return hostFault('not-enrolled', 'this host is not enrolled');
  const current = await currentHealth(deps);
  if (!current.ok) return current;
  const { health, isNew } = current.value;
  const released = await release(deps, kept.value, health, protector);
  if (released.ok || isNew || !OUTDATED.has(released.fault.code)) return released;
  const fresh = await attest(deps);
  return fresh.ok ? release(deps, kept.value, fresh.value, protector) : fresh;
}

/** What another attestation may mend. */
const OUTDATED = new Set(['health-certificate-refused', 'client-key-mismatch', 'health-key-changed']);

/** The protector, the certificate it is released under and what came back. */
interface Released {
  readonly protector: Uint8Array;
  readonly health: HealthCertificate;
  readonly reply: ReleaseReply;
}

async function release(
  deps: HostDeps,
  enrolment: Enrolment,
  health: HealthCertificate,
  protector: Uint8Array,
): Promise<Result<ReleasedKeys, HostFault>> {
  const body = {
    protector: toBase64Url(protector),
    healthCertificate: [toBase64Url(health.certificate), toBase64Url(health.signer)],
  };
  const reply = await deps.keyProtection.call(keyProtectionRoutes.release, { body });
  return reply.ok ? open(deps, enrolment, { protector, health, reply: reply.value }) : reply;
}

async function open(
  { crypto, tpm }: HostDeps,
  enrolment: Enrolment,
  { protector, health, reply }: Released,
): Promise<Result<ReleasedKeys, HostFault>> {
  const [egressProtector, bytes] = [fromBase64Url(reply.egressProtector), fromBase64Url(reply.sealedKeys)];
  if (!egressProtector || !bytes) return hostFault('service-unexpected', 'the answer is not base64url');
  const sealed = readSealedKeys(crypto, bytes);
  if (!sealed.ok) return sealed;
  return withEnrolledKey(tpm, enrolment, (saltTo) =>
    withHealthKey(tpm, health, async (key) => {
      const healthKey = publicKeyOf(crypto, key.publicArea);
      if (!healthKey.ok || healthKey.value.type !== 'ec') throw new Error('a health key is an EC key');
      const selection = healthKeySelection(health.pcrs);
      const shared = await agreeWithHealthKey(tpm, saltTo, key, selection, sealed.value.ephemeralKey);
      if (!shared.ok) {
        const { fault } = shared;
        const changed = fault.code === 'tpm-error' && fault.response.name === 'TPM_RC_POLICY_FAIL';
        return changed ? hostFault('health-key-changed', 'a PCR changed since the attestation', fault) : shared;
      }
      const hash = (data: Uint8Array) => crypto.hash('sha256', data);
      const keys = openSealedKeys(crypto, sealed.value, healthKey.value, shared.value, {
        ingressProtector: hash(protector),
        egressProtector: hash(egressProtector),
        healthCertificate: hash(health.certificate),
      });
      shared.value.wipe();
      return keys.ok ? ok({ egressProtector, keys: keys.value, traceId: reply.traceId }) : keys;
    }),
  );
}
