import { OutageError } from '@sekimori/client';
import { attestationRoutes, type HostState as EnrolmentState } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import type { AttestationService, AttestingDeps } from './deps.ts';
import { anyNode } from './failover.ts';
import type { HostFault } from './faults.ts';
import { withHealthKey } from './health.ts';
import type { Enrolment, Health, HealthCertificate } from './state/state.ts';
import type { HostAttestationStatus, HostReport, ServiceReport } from './status-shape.ts';
import { withTpm } from './tpm-lock.ts';
import { TpmOutageError } from './tpm-transport.ts';

/** What `hostReport` looks at. Nothing is asked for where nothing is configured. */
export interface StatusDeps extends Pick<AttestingDeps, 'tpm' | 'clock' | 'failover'> {
  readonly mode: HostReport['mode'];
  readonly attestation: readonly AttestationService[];
  /** Addresses of the key protection services, in their order. */
  readonly keyProtection: readonly string[];
}

/** How this host stands. Changes nothing, here or at a service, and answers also where TPM and services do not. */
export async function hostReport(deps: StatusDeps): Promise<Result<HostReport, HostFault>> {
  const remarks: string[] = [];
  const services: ServiceReport[] = [];
  for (const service of deps.attestation) {
    const report = await serviceReport(deps, service, remarks);
    if (!report.ok) return report;
    services.push(report.value);
  }
  const { service: _, ...decisive } = decisiveOf(services) ?? NOTHING;
  const { failover, mode } = deps;
  const attestationUrls = deps.attestation.flatMap(({ nodes }) => nodes.map(({ url }) => url));
  const attestationServerUrl = answeredLast(services) ?? attestationUrls[0];
  const keyProtectionServerUrl = failover.keyProtection.answered ?? deps.keyProtection[0];
  return ok({
    mode,
    isHostGuarded: decisive.attestationStatus === 'Passed',
    attestationOperationMode: mode === 'Local' ? 'Unknown' : 'Tpm',
    ...decisive,
    isFallbackInUse: attestationServerUrl !== attestationUrls[0] || keyProtectionServerUrl !== deps.keyProtection[0],
    ...(attestationServerUrl !== undefined && { attestationServerUrl }),
    ...(keyProtectionServerUrl !== undefined && { keyProtectionServerUrl }),
    services,
    remarks,
  });
}

const NOTHING: ServiceReport = { service: '', attestationStatus: 'NotConfigured', attestationSubStatus: [] };

/** The first service that knows this host and has decided, as a release would have it; else the first one that knows it. */
function decisiveOf(services: readonly ServiceReport[]): ServiceReport | undefined {
  const enrolled = services.filter(({ enrolment }) => enrolment);
  return enrolled.find(({ attestationStatus }) => !UNDECIDED.has(attestationStatus)) ?? enrolled[0];
}

const UNDECIDED: ReadonlySet<HostAttestationStatus> = new Set(['Unknown', 'Expired', 'TransientError']);

/** Of the newest attestation that a service answered. */
function answeredLast(services: readonly ServiceReport[]): string | undefined {
  const answered = services.flatMap(({ lastAttestation: last }) =>
    last?.url === undefined || last.code === 'outage' ? [] : [{ at: last.at, url: last.url }],
  );
  return answered.toSorted((a, b) => (a.at < b.at ? 1 : -1))[0]?.url;
}

async function serviceReport(
  deps: StatusDeps,
  service: AttestationService,
  remarks: string[],
): Promise<Result<ServiceReport, HostFault>> {
  const [kept, health] = [await service.state.enrolment(), await service.state.health()];
  if (!kept.ok) return kept;
  if (!health.ok) return health;
  const enrolment = kept.value;
  if (!enrolment) return ok({ ...NOTHING, service: service.name });
  const state = await askService(deps, service, enrolment, remarks);
  const certificate = health.value?.certificate;
  const inTime = certificate !== undefined && certificate.notAfter.getTime() > deps.clock.now().getTime();
  const valid = inTime ? await askTpm(deps, certificate, remarks) : false;
  const attestationStatus = statusOf(health.value, valid, state);
  const { hostId, name, endorsementKey } = enrolment;
  return ok({
    service: service.name,
    attestationStatus,
    attestationSubStatus: attestationStatus === 'Passed' ? [] : [...(health.value?.attempt.subStatus ?? [])],
    enrolment: { hostId, name, ekFingerprint: endorsementKey.fingerprint, state },
    ...(health.value && lastOf(health.value, valid)),
  });
}

function lastOf({ certificate, attempt }: Health, valid: boolean | undefined) {
  const { at, subStatus, ...outcome } = attempt;
  return {
    ...(certificate && {
      healthCertificate: {
        ...(valid === undefined ? {} : { valid }),
        notAfter: certificate.notAfter.toISOString(),
        renewAfter: certificate.renewAfter.toISOString(),
      },
    }),
    lastAttestation: { at: at.toISOString(), ...outcome, ...(subStatus && { subStatus: [...subStatus] }) },
  };
}

function statusOf(
  health: Health | undefined,
  valid: boolean | undefined,
  state: EnrolmentState | 'unknown',
): HostAttestationStatus {
  if (state === 'pending' || state === 'approved' || state === 'revoked') return 'UnauthorizedHost';
  if (!health) return 'Unknown';
  if (valid) return 'Passed';
  const failed = statusOfCode(health.attempt.code);
  if (failed !== 'Passed') return failed;
  return valid === undefined ? 'TpmError' : 'Expired';
}

/** What the outcome of an attestation is called. */
export function statusOfCode(code: string): HostAttestationStatus {
  if (code === 'passed') return 'Passed';
  if (code === 'policy-denied') return 'InsecureHostConfiguration';
  if (UNAUTHORIZED.has(code)) return 'UnauthorizedHost';
  if (code === 'evidence-refused' || /^(tpm|pcr|endorsement|event-log)-/.test(code)) return 'TpmError';
  return 'TransientError';
}

const UNAUTHORIZED = new Set(['unknown-host', 'host-revoked', 'host-not-approved', 'host-not-active']);

/** Addresses that failed a moment ago are not waited for again. */
async function askService(
  { failover }: StatusDeps,
  { nodes }: AttestationService,
  { hostId }: Enrolment,
  remarks: string[],
): Promise<EnrolmentState | 'unknown'> {
  const failures = nodes.map(({ url }) => failover.attestation.failureOf(url));
  const fresh = nodes.filter((_, at) => failures[at] === undefined);
  if (fresh.length === 0) {
    remarks.push(...failures.filter((why) => why !== undefined));
    return 'unknown';
  }
  try {
    const client = anyNode(failover.attestation, fresh);
    const status = await client.call(attestationRoutes.hostStatus, { params: { id: hostId } });
    if (status.ok) return status.value.state;
    remarks.push(`the attestation service answers: ${status.fault.code}: ${status.fault.detail}`);
  } catch (error) {
    if (!(error instanceof OutageError)) throw error;
    remarks.push(error.message);
  }
  return 'unknown';
}

/** Whether the certificate is over the health key of this boot. */
async function askTpm(
  { tpm }: StatusDeps,
  certificate: HealthCertificate,
  remarks: string[],
): Promise<boolean | undefined> {
  try {
    const same = await withTpm(tpm, () => withHealthKey(tpm, certificate, async () => ok(undefined)));
    if (same.ok) return true;
    remarks.push(same.fault.detail);
    return same.fault.code === 'health-key-changed' ? false : undefined;
  } catch (error) {
    if (!(error instanceof TpmOutageError)) throw error;
    remarks.push(error.message);
    return undefined;
  }
}
