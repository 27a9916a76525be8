import { attestationRoutes } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import { acceptCertificate } from './accept.ts';
import type { AttestDeps } from './deps.ts';
import { withEnrolledKey } from './endorsement.ts';
import { collectEvidence } from './evidence.ts';
import { asCallFault, type HostFault, hostFault } from './faults.ts';
import { outageCode } from './outage.ts';
import type { Attempt, HealthCertificate } from './state/state.ts';
import { withTpm } from './tpm-lock.ts';

/**
 * One attestation at one service: challenge, Evidence, health certificate, which is kept. How it ended is kept too. A refusal puts the certificate at
 * hand away, since the service has revoked it; where nothing was decided it stays good for its time. Rejects as its deps do.
 */
export async function attest(deps: AttestDeps): Promise<Result<HealthCertificate, HostFault>> {
  try {
    const outcome = await attestOnce(deps);
    if (outcome.ok) {
      const attempt = attemptNow(deps, { code: 'passed', traceId: outcome.value.traceId });
      await deps.state.saveHealth({ certificate: outcome.value, attempt });
    } else if (outcome.fault.code !== 'not-enrolled') await keepFailure(deps, attemptOf(outcome.fault));
    return outcome;
  } catch (error) {
    const code = outageCode(error);
    if (code) await keepFailure(deps, { code, detail: (error as Error).message });
    throw error;
  }
}

async function attestOnce(deps: AttestDeps): Promise<Result<HealthCertificate, HostFault>> {
  const { crypto, tpm, attestation, clock, signers } = deps;
  const kept = await deps.state.enrolment();
  if (!kept.ok) return kept;
  const enrolment = kept.value;
  if (!enrolment) return hostFault('not-enrolled', 'this host is not enrolled');
  // First of all: where the service is out, the TPM is spared.
  const challenge = await attestation.call(attestationRoutes.challenge, { body: { hostId: enrolment.hostId } });
  if (!challenge.ok) return challenge;
  const evidence = await withTpm(tpm, async () => {
    const sameTpm = await withEnrolledKey(tpm, enrolment, async () => ok(undefined));
    return sameTpm.ok ? collectEvidence(deps, challenge.value) : sameTpm;
  });
  if (!evidence.ok) return evidence;
  const request = evidence.value;
  const reply = await attestation.call(attestationRoutes.attest, { body: request });
  if (!reply.ok) return reply;
  return acceptCertificate(crypto, {
    enrolment,
    request,
    reply: reply.value,
    at: clock.now(),
    ...(signers && { signers }),
  });
}

/** Whether it is a refusal after which the service holds no certificate of this host good. */
export function isDecided(code: string): boolean {
  return DECIDED.has(code);
}

const DECIDED = new Set(['policy-denied', 'evidence-refused', 'host-revoked', 'unknown-host']);

async function keepFailure(deps: AttestDeps, attempt: Omit<Attempt, 'at'>): Promise<void> {
  const before = await deps.state.health();
  const certificate = before.ok && !isDecided(attempt.code) ? before.value?.certificate : undefined;
  await deps.state.saveHealth({ ...(certificate && { certificate }), attempt: attemptNow(deps, attempt) });
}

function attemptNow({ clock, url }: AttestDeps, attempt: Omit<Attempt, 'at'>): Attempt {
  return { at: clock.now(), ...attempt, ...(url === undefined ? {} : { url }) };
}

function attemptOf(fault: HostFault): Omit<Attempt, 'at'> {
  const { code, detail } = fault;
  const { traceId, subStatus } = asCallFault(fault) ?? {};
  return { code, detail, ...(subStatus && { subStatus }), ...(traceId === undefined ? {} : { traceId }) };
}
