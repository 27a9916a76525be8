import { attestationRoutes, type HostStatus } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import type { AttestDeps } from './deps.ts';
import { type OwnEndorsementKey, withEndorsementKeys } from './endorsement.ts';
import { type HostFault, hostFault } from './faults.ts';
import { identifierOf, type PlatformOptions } from './identity.ts';
import type { Enrolment } from './state/state.ts';

type EnrolDeps = Pick<AttestDeps, 'tpm' | 'attestation' | 'state'>;

/**
 * Sends the platform identifier and keeps what came back, with the endorsement key it was sent for. The host then waits for an
 * administrator. `enrolled-otherwise`: the state holds an enrolment that the service knows and has not revoked.
 */
export async function enrol(deps: EnrolDeps, options: PlatformOptions): Promise<Result<HostStatus, HostFault>> {
  const free = await withoutLivingEnrolment(deps);
  if (!free.ok) return free;
  return withEndorsementKeys(deps.tpm, async (keys) => {
    const identifier = await identifierOf(deps.tpm, keys, options);
    if (!identifier.ok) return identifier;
    const enrolled = await deps.attestation.call(attestationRoutes.enrolHost, { body: identifier.value });
    return enrolled.ok ? keep(deps, keys[0], enrolled.value) : enrolled;
  });
}

/**
 * Takes up an enrolment that the service has already: made from a file, or lost here. The service must know this TPM's endorsement key
 * under that identifier.
 */
export async function adoptEnrolment(deps: EnrolDeps, hostId: string): Promise<Result<HostStatus, HostFault>> {
  const free = await withoutEnrolment(deps);
  if (!free.ok) return free;
  return withEndorsementKeys(deps.tpm, async (keys) => {
    const status = await deps.attestation.call(attestationRoutes.hostStatus, { params: { id: hostId } });
    return status.ok ? keep(deps, keys[0], status.value) : status;
  });
}

/** How far the enrolment is, in the service's words. Changes nothing. */
export async function enrolmentStatus(
  deps: Pick<AttestDeps, 'attestation' | 'state'>,
): Promise<Result<HostStatus, HostFault>> {
  const enrolment = await deps.state.enrolment();
  if (!enrolment.ok) return enrolment;
  if (!enrolment.value) return hostFault('not-enrolled', 'this host is not enrolled');
  return deps.attestation.call(attestationRoutes.hostStatus, { params: { id: enrolment.value.hostId } });
}

async function withoutEnrolment({ state }: EnrolDeps): Promise<Result<void, HostFault>> {
  const enrolment = await state.enrolment();
  if (!enrolment.ok) return enrolment;
  return enrolment.value ? enrolledOtherwise(enrolment.value) : ok(undefined);
}

/** One that nobody approved in time is forgotten by the service, and a revoked machine may have been made free there. */
async function withoutLivingEnrolment(deps: EnrolDeps): Promise<Result<void, HostFault>> {
  const enrolment = await deps.state.enrolment();
  if (!enrolment.ok) return enrolment;
  if (!enrolment.value) return ok(undefined);
  const status = await enrolmentStatus(deps);
  const isOver = status.ok ? status.value.state === 'revoked' : status.fault.code === 'unknown-host';
  if (isOver) return ok(undefined);
  return status.ok ? enrolledOtherwise(enrolment.value) : status;
}

function enrolledOtherwise({ name, hostId }: Enrolment) {
  return hostFault('enrolled-otherwise', `this host is enrolled as ${name}, ${hostId}`);
}

async function keep(
  { state }: EnrolDeps,
  { kind, key, fingerprint }: OwnEndorsementKey,
  status: HostStatus,
): Promise<Result<HostStatus, HostFault>> {
  if (status.ekFingerprint !== fingerprint)
    return hostFault(
      'service-unexpected',
      `the service knows ${status.id} by the endorsement key ${status.ekFingerprint}, this TPM has ${fingerprint}`,
    );
  const { id: hostId, name } = status;
  await state.saveEnrolment({ hostId, name, endorsementKey: { kind, name: key.name, fingerprint } });
  return ok(status);
}
