import { fromBase64Url, toBase64Url } from '@sekimori/bytes';
import { OutageError } from '@sekimori/client';
import type { Crypto } from '@sekimori/crypto-core';
import { parseProtector, VerifiedProtector } from '@sekimori/key-protector';
import { openSealedKeys, readSealedKeys, type TransportKeys } from '@sekimori/key-release';
import { keyProtectionRoutes, type ReleaseReply } from '@sekimori/protocol';
import { type Failed, ok, type Result } from '@sekimori/result';
import { agreeWithHealthKey, type CertifiedEndorsementKey, type LoadedKey, publicKeyOf } from '@sekimori/tpm2';
import type { AttestationService, HostDeps } from './deps.ts';
import { withEnrolledKey } from './endorsement.ts';
import { healthKeySelection } from './evidence.ts';
import type { ServiceNode } from './failover.ts';
import { asCallFault, type HostFault, hostFault } from './faults.ts';
import { withHealthKey } from './health.ts';
import { attestAt, currentAt, enrolledServices, healthAtHand, type ServiceHealth } from './in-order.ts';
import type { Enrolment, HealthCertificate } from './state/state.ts';
import { withTpm } from './tpm-lock.ts';

export interface ReleasedKeys {
  /** The rolled protector: it takes the place of the one that was sent, once it is stored. */
  readonly egressProtector: Uint8Array;
  readonly keys: TransportKeys;
  /** Finds the release in the records of the key protection service. */
  readonly traceId: string;
}

/**
 * Has a key protector opened and rolled, by the first key protection service of one of its guardians that answers. Attests first
 * where no health certificate is good in this boot, and once more where the service does not take the one at hand; where it does
 * not know the signer of the certificate, those of the other attestation services are shown. The caller wipes the keys. A retry
 * is safe: the protector that was sent stays good. `guardian-not-served`: no service of the configuration is for this protector.
 */
export async function releaseKeys(deps: HostDeps, protector: Uint8Array): Promise<Result<ReleasedKeys, HostFault>> {
  const enrolled = await enrolledServices(deps);
  if (!enrolled.ok) return enrolled;
  const places = placesFor(deps, protector);
  if (!places.ok) return places;
  const current = await currentAt(deps, enrolled.value);
  if (!current.ok) return current;
  const attempt = { deps, places: places.value, protector };
  const released = await release(attempt, current.value);
  if (released.ok) return released;
  const others = enrolled.value.filter((service) => service !== current.value.service);
  const byOther = isOfUnknownSigner(released.fault) ? await releaseUnderOthers(attempt, others) : undefined;
  return byOther ?? releaseRenewed(attempt, current.value, released);
}

/** What is asked of whom, whatever the certificate. */
interface ReleaseAttempt {
  readonly deps: HostDeps;
  readonly places: readonly ServiceNode[];
  readonly protector: Uint8Array;
}

/** The addresses of the services whose guardian is a party of the protector. */
function placesFor(
  { crypto, keyProtection }: HostDeps,
  protector: Uint8Array,
): Result<readonly ServiceNode[], HostFault> {
  const parties = keyProtection.some(({ guardian }) => guardian !== undefined)
    ? partiesOf(crypto, protector)
    : ok(new Set<string>());
  if (!parties.ok) return parties;
  const places = keyProtection
    .filter(({ guardian }) => guardian === undefined || parties.value.has(guardian))
    .flatMap(({ nodes }) => nodes);
  if (places.length > 0) return ok(places);
  return hostFault('guardian-not-served', 'no key protection service is for a guardian of this protector');
}

function partiesOf(crypto: Crypto, protector: Uint8Array): Result<ReadonlySet<string>, HostFault> {
  const parsed = parseProtector(protector);
  if (!parsed.ok) return parsed;
  const verified = VerifiedProtector.verify(crypto, parsed.value);
  return verified.ok ? ok(new Set(verified.value.wrappings.map(({ guardian }) => guardian.fingerprint))) : verified;
}

/** Under the certificates of other attestation services; undefined where none of them is of a signer that is known there. */
async function releaseUnderOthers(
  attempt: ReleaseAttempt,
  services: readonly AttestationService[],
): Promise<Result<ReleasedKeys, HostFault> | undefined> {
  for (const service of services) {
    const health = await healthOf(attempt.deps, service);
    const released = health && (await release(attempt, health));
    if (released?.ok) return released;
    if (health && released && !isOfUnknownSigner(released.fault)) return releaseRenewed(attempt, health, released);
  }
  return undefined;
}

/** Of one attestation service more; undefined where it refuses this host or is out. */
async function healthOf(deps: HostDeps, service: AttestationService): Promise<ServiceHealth | undefined> {
  const atHand = await healthAtHand(deps, [service]);
  if (atHand.ok && atHand.value) return atHand.value;
  try {
    const fresh = await attestAt(deps, [service]);
    return fresh.ok ? fresh.value : undefined;
  } catch (error) {
    if (error instanceof OutageError) return undefined;
    throw error;
  }
}

/** The same again under a new certificate of the same service, where that may mend it. */
async function releaseRenewed(
  attempt: ReleaseAttempt,
  { service, isNew }: ServiceHealth,
  refused: Failed<HostFault>,
): Promise<Result<ReleasedKeys, HostFault>> {
  if (isNew || !OUTDATED.has(refused.fault.code)) return refused;
  const fresh = await attestAt(attempt.deps, [service]);
  return fresh.ok ? release(attempt, fresh.value) : fresh;
}

/** What another attestation may mend. */
const OUTDATED = new Set(['health-certificate-refused', 'client-key-mismatch', 'health-key-changed']);

/** Whether the certificate is by a signer, or for an audience, of another attestation service than this service follows. */
function isOfUnknownSigner(fault: HostFault): boolean {
  const subStatus = fault.code === 'health-certificate-refused' ? asCallFault(fault)?.subStatus : undefined;
  return subStatus?.some((name) => UNKNOWN_SIGNER.has(name)) === true;
}

const UNKNOWN_SIGNER = new Set(['certificate-untrusted', 'certificate-signature', 'certificate-audience']);

async function release(
  { deps, places, protector }: ReleaseAttempt,
  { service, health }: ServiceHealth,
): Promise<Result<ReleasedKeys, HostFault>> {
  const enrolment = await service.state.enrolment();
  if (!enrolment.ok) return enrolment;
  if (!enrolment.value) return hostFault('not-enrolled', 'this host is not enrolled');
  const body = {
    protector: toBase64Url(protector),
    healthCertificate: [toBase64Url(health.certificate), toBase64Url(health.signer)],
  };
  const answered = await deps.failover.keyProtection.ask(places, ({ client }) =>
    client.call(keyProtectionRoutes.release, { body }),
  );
  if (!answered.ok) return answered;
  return open(deps, enrolment.value, { protector, health, reply: answered.value.value });
}

/** The protector, the certificate it is released under and what came back. */
interface Released {
  readonly protector: Uint8Array;
  readonly health: HealthCertificate;
  readonly reply: ReleaseReply;
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
  const unseal = async (saltTo: CertifiedEndorsementKey, key: LoadedKey): Promise<Result<ReleasedKeys, HostFault>> => {
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
  };
  return withTpm(tpm, () =>
    withEnrolledKey(tpm, enrolment, (saltTo) => withHealthKey(tpm, health, (key) => unseal(saltTo, key))),
  );
}
