import type { Tpm } from '@sekimori/tpm2';
import { ok } from '@sekimori/result';
import type { ConnectedHost } from '../../connect.ts';
import { type HostReport, hostReport } from '../../status.ts';
import { TpmOutageError } from '../../tpm-outage.ts';
import type { CommandResult } from '../command.ts';
import { EXIT } from '../exit.ts';
import { table } from '../table.ts';

export async function statusAction(host: ConnectedHost): Promise<CommandResult> {
  const attestation = await host.attestation();
  const tpm = await reachable(host);
  const outage = tpm instanceof TpmOutageError ? [tpm.message] : [];
  const report = await hostReport({
    state: host.state,
    clock: host.clock,
    ...(attestation.ok && { attestation: attestation.value }),
    ...(tpm instanceof TpmOutageError ? {} : { tpm }),
  });
  if (!report.ok) return report;
  const document = { ...report.value, remarks: [...report.value.remarks, ...outage] };
  return ok({ document, lines: linesOf(document), status: document.guarded ? EXIT.done : EXIT.notGuarded });
}

async function reachable(host: ConnectedHost): Promise<Tpm | TpmOutageError> {
  try {
    return await host.tpm();
  } catch (error) {
    if (error instanceof TpmOutageError) return error;
    throw error;
  }
}

function linesOf(report: HostReport): readonly string[] {
  const { enrolment, healthCertificate, lastAttestation } = report;
  const passed = report.attestationStatus === 'Passed';
  const subStatus = report.attestationSubStatus.join(', ');
  const validity = { true: 'valid', false: 'not valid', undefined: 'validity unknown' } as const;
  return table({
    guarded: report.guarded ? 'yes' : 'no',
    'attestation status': report.attestationStatus,
    'sub-status': subStatus === '' ? 'NoInformation' : subStatus,
    enrolment: enrolment ? `${enrolment.state}, as ${enrolment.name} (${enrolment.hostId})` : 'none',
    'EK fingerprint': enrolment?.ekFingerprint,
    'health certificate': healthCertificate
      ? `${validity[`${healthCertificate.valid}`]}, until ${healthCertificate.notAfter}`
      : 'none',
    'last attestation': lastAttestation ? `${lastAttestation.at}: ${lastAttestation.code}` : 'never',
    why: passed ? undefined : lastAttestation?.detail,
    'trace id': lastAttestation?.traceId,
    remark: report.remarks.length === 0 ? undefined : report.remarks.join('; '),
  });
}
