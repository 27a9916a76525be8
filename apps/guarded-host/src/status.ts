import { OutageError } from '@sekimori/client';
import type { HostState as EnrolmentState } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import type { HostDeps } from './deps.ts';
import { enrolmentStatus } from './enrol.ts';
import type { HostFault } from './faults.ts';
import { withHealthKey } from './health.ts';
import type { Attempt, Health, HealthCertificate } from './state/state.ts';
import { TpmOutageError } from './tpm-outage.ts';

/** The names of HGS for how a host stands; MSFT_HgsClientConfiguration. */
export type HostAttestationStatus =
  | 'NotConfigured'
  | 'Unknown'
  | 'Passed'
  | 'Expired'
  | 'TransientError'
  | 'UnauthorizedHost'
  | 'TpmError'
  | 'InsecureHostConfiguration';

export interface HostReport {
  /** True when keys would be released to this host now, as far as this host can tell. */
  readonly guarded: boolean;
  readonly attestationStatus: HostAttestationStatus;
  /** Names of the checks that failed at the last attestation. */
  readonly attestationSubStatus: readonly string[];
  readonly enrolment?: {
    readonly hostId: string;
    readonly name: string;
    readonly ekFingerprint: string;
    /** 'unknown' where the service cannot be asked. */
    readonly state: EnrolmentState | 'unknown';
  };
  readonly healthCertificate?: {
    /** In its time and over the health key of this boot; undefined where the TPM cannot be asked. */
    readonly valid?: boolean;
    readonly notAfter: string;
    readonly renewAfter: string;
  };
  readonly lastAttestation?: Omit<Attempt, 'at'> & { readonly at: string };
  /** Why something is unknown. */
  readonly remarks: readonly string[];
}

type StatusDeps = Pick<HostDeps, 'state' | 'clock'> & {
  /** Left out where nothing is configured or reachable. */
  readonly attestation?: HostDeps['attestation'];
  readonly tpm?: HostDeps['tpm'];
};

/** How this host stands. Changes nothing, here or at the service, and answers also where TPM and service do not. */
export async function hostReport(deps: StatusDeps): Promise<Result<HostReport, HostFault>> {
  const { state, clock } = deps;
  const [kept, health] = [await state.enrolment(), await state.health()];
  if (!kept.ok) return kept;
  if (!health.ok) return health;
  const enrolment = kept.value;
  if (!enrolment)
    return ok({ guarded: false, attestationStatus: 'NotConfigured', attestationSubStatus: [], remarks: [] });
  const remarks: string[] = [];
  const serviceState = await askService(deps, remarks);
  const certificate = health.value?.certificate;
  const inTime = certificate !== undefined && certificate.notAfter.getTime() > clock.now().getTime();
  const valid = inTime ? await askTpm(deps, certificate, remarks) : false;
  const attestationStatus = statusOf(health.value, valid, serviceState);
  const { hostId, name, endorsementKey } = enrolment;
  return ok({
    guarded: attestationStatus === 'Passed',
    attestationStatus,
    attestationSubStatus: attestationStatus === 'Passed' ? [] : (health.value?.attempt.subStatus ?? []),
    enrolment: { hostId, name, ekFingerprint: endorsementKey.fingerprint, state: serviceState },
    ...(health.value && lastOf(health.value, valid)),
    remarks,
  });
}

function lastOf({ certificate, attempt }: Health, valid: boolean | undefined) {
  return {
    ...(certificate && {
      healthCertificate: {
        ...(valid === undefined ? {} : { valid }),
        notAfter: certificate.notAfter.toISOString(),
        renewAfter: certificate.renewAfter.toISOString(),
      },
    }),
    lastAttestation: { ...attempt, at: attempt.at.toISOString() },
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

async function askService({ attestation, state }: StatusDeps, remarks: string[]): Promise<EnrolmentState | 'unknown'> {
  if (!attestation) return 'unknown';
  try {
    const status = await enrolmentStatus({ attestation, state });
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
  if (!tpm) return undefined;
  try {
    const same = await withHealthKey(tpm, certificate, async () => ok(undefined));
    if (same.ok) return true;
    remarks.push(same.fault.detail);
    return same.fault.code === 'health-key-changed' ? false : undefined;
  } catch (error) {
    if (!(error instanceof TpmOutageError)) throw error;
    remarks.push(error.message);
    return undefined;
  }
}
