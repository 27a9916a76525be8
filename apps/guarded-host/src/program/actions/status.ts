import { ok } from '@sekimori/result';
import { agentRoutes } from '../../agent/api.ts';
import { runningAgent } from '../../agent/client.ts';
import type { HostSettings } from '../../config.ts';
import { reportOf } from '../../report.ts';
import type { HostReport, ServiceReport } from '../../status-shape.ts';
import type { CommandResult } from '../command.ts';
import { EXIT } from '../exit.ts';
import { table } from '../table.ts';
import { withHost } from './with-host.ts';

export async function statusAction(settings: HostSettings): Promise<CommandResult> {
  const agent = await runningAgent(settings);
  const report = agent ? await agent.call(agentRoutes.status) : await withHost(settings, reportOf);
  if (!report.ok) return report;
  const document = report.value;
  return ok({ document, lines: linesOf(document), status: document.isHostGuarded ? EXIT.done : EXIT.notGuarded });
}

function linesOf(report: HostReport): readonly string[] {
  const { services, remarks } = report;
  return [
    ...table({
      guarded: report.isHostGuarded ? 'yes' : 'no',
      mode: report.mode,
      ...entriesOf(report),
      'attestation server': report.attestationServerUrl,
      'key protection server': report.keyProtectionServerUrl,
      fallback: report.isFallbackInUse ? 'in use' : undefined,
      agent: agentLine(report.agent),
      remark: remarks.length === 0 ? undefined : remarks.join('; '),
    }),
    ...(services.length < 2 ? [] : services.flatMap((service) => ['', ...sectionOf(service)])),
  ];
}

function agentLine(agent: HostReport['agent']): string {
  if (!agent) return 'not running';
  const { pid, nextAttestation, failuresInARow } = agent;
  const next = nextAttestation === undefined ? '' : `, attests next at ${nextAttestation}`;
  return `runs (pid ${pid})${next}${failuresInARow === 0 ? '' : `, after ${failuresInARow} failures`}`;
}

function sectionOf(report: ServiceReport): readonly string[] {
  return table({ service: report.service, ...entriesOf(report) });
}

function entriesOf(report: Omit<ServiceReport, 'service'>): Readonly<Record<string, string | undefined>> {
  const { enrolment, healthCertificate, lastAttestation } = report;
  const passed = report.attestationStatus === 'Passed';
  const subStatus = report.attestationSubStatus.join(', ');
  const validity = { true: 'valid', false: 'not valid', undefined: 'validity unknown' } as const;
  return {
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
  };
}
