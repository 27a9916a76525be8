import { ok, type Result } from '@sekimori/result';
import { attest, isDecided } from './attest.ts';
import { type AttestationService, attestDepsOf, type AttestingDeps } from './deps.ts';
import { type HostFault, hostFault } from './faults.ts';
import { isUsable } from './health.ts';
import type { HealthCertificate } from './state/state.ts';

// Several attestation services: which one is asked, and whose certificate is used.

/** A health certificate with the service it is of. */
export interface ServiceHealth {
  readonly service: AttestationService;
  readonly health: HealthCertificate;
  /** By an attestation made for this. */
  readonly isNew: boolean;
}

/** The services where this host is enrolled, in their order. `not-enrolled`: there is none. */
export async function enrolledServices({
  attestation,
}: Pick<AttestingDeps, 'attestation'>): Promise<Result<readonly AttestationService[], HostFault>> {
  const enrolled: AttestationService[] = [];
  for (const service of attestation) {
    const enrolment = await service.state.enrolment();
    if (!enrolment.ok) return enrolment;
    if (enrolment.value) enrolled.push(service);
  }
  return enrolled.length > 0 ? ok(enrolled) : hostFault('not-enrolled', 'this host is not enrolled');
}

/**
 * Attests at the first of these services that answers. A host that one of them refused does not ask the next: `Failover` goes
 * on where nobody decided, and there alone. Who asks while the same is under way shares it.
 */
export function attestAt(
  deps: AttestingDeps,
  services: readonly AttestationService[],
): Promise<Result<ServiceHealth, HostFault>> {
  return deps.attesting.do(services.map(({ name }) => name).join(), () => attestNow(deps, services));
}

async function attestNow(
  deps: AttestingDeps,
  services: readonly AttestationService[],
): Promise<Result<ServiceHealth, HostFault>> {
  const places = services.flatMap((service) => service.nodes.map((node) => ({ service, node, url: node.url })));
  const attested = await deps.failover.attestation.ask(places, ({ service, node }) =>
    attest(attestDepsOf(deps, service, node)),
  );
  if (!attested.ok) return attested;
  const { place, value } = attested.value;
  return ok({ service: place.service, health: value, isNew: true });
}

/** Attests at the first enrolled service that answers. */
export async function attestInOrder(deps: AttestingDeps): Promise<Result<ServiceHealth, HostFault>> {
  const enrolled = await enrolledServices(deps);
  return enrolled.ok ? attestAt(deps, enrolled.value) : enrolled;
}

/**
 * The first certificate at hand that is good for now, in this boot; undefined where there is none. After a service that refused
 * this host at the last attestation, no later one's counts: it is to decide anew.
 */
export async function healthAtHand(
  deps: Pick<AttestingDeps, 'tpm' | 'clock'>,
  services: readonly AttestationService[],
): Promise<Result<ServiceHealth | undefined, HostFault>> {
  for (const service of services) {
    const kept = await service.state.health();
    if (!kept.ok) return kept;
    const { certificate: health, attempt } = kept.value ?? {};
    const usable = health ? await isUsable(deps, health) : ok(false);
    if (!usable.ok) return usable;
    if (health && usable.value) return ok({ service, health, isNew: false });
    if (attempt && isDecided(attempt.code)) return ok(undefined);
  }
  return ok(undefined);
}

/** The certificate at hand, else one by a new attestation. */
export async function currentHealth(deps: AttestingDeps): Promise<Result<ServiceHealth, HostFault>> {
  const enrolled = await enrolledServices(deps);
  return enrolled.ok ? currentAt(deps, enrolled.value) : enrolled;
}

/** The same at these services. */
export async function currentAt(
  deps: AttestingDeps,
  services: readonly AttestationService[],
): Promise<Result<ServiceHealth, HostFault>> {
  const atHand = await healthAtHand(deps, services);
  if (!atHand.ok) return atHand;
  return atHand.value ? ok(atHand.value) : attestAt(deps, services);
}
