import { describeFault } from '@sekimori/result';
import type { HostReport, ServiceReport } from '../../status-shape.ts';
import { type Check, type DoctorDeps, failed, good, type Outcome, skipped, warning } from '../check.ts';

const OTHERS = 0o077;
const MAX_FILES = 1000;

/** The folder of this program's state: for its user alone, and so is all that is in it. */
export const stateFolderCheck: Check = {
  id: 'state-folder',
  async run({ settings, machine }) {
    const { stateFolder: folder } = settings;
    const found = await machine.stat(folder);
    if ('code' in found)
      return found.code === 'ENOENT'
        ? good(`${folder} is made at the first use`)
        : failed(`${folder}: ${found.code}`, 'run this as the user of the agent');
    if (found.kind !== 'folder') return failed(`${folder} is not a folder`, 'move it away');
    const uid = process.getuid?.();
    if (uid !== undefined && found.uid !== uid)
      return failed(
        `${folder} belongs to user ${found.uid}, and this is user ${uid}`,
        'run this as the user of the agent',
      );
    if ((found.mode & OTHERS) !== 0) return failed(`${folder} is open to others`, `'chmod 700 ${folder}'`);
    for (const name of (await machine.names(folder)).slice(0, MAX_FILES)) {
      const file = await machine.stat(`${folder}/${name}`);
      if ('code' in file || (file.mode & OTHERS) === 0 || file.kind === 'other') continue;
      return failed(`${folder}/${name} is open to others`, `'chmod go= ${folder}/${name}'`);
    }
    return good(folder);
  },
};

export const enrolmentCheck: Check = {
  id: 'enrolment',
  fabricOnly: true,
  limitMillis: 40_000,
  run: ofEachReport(({ enrolment }) => {
    const enrol = "'sekimori-host identity --enrol'";
    if (!enrolment) return warning('this host is not enrolled', enrol);
    const words = `as ${enrolment.name} (${enrolment.hostId})`;
    switch (enrolment.state) {
      case 'active':
        return good(`active, ${words}`);
      case 'unknown':
        return skipped(`enrolled ${words}; the service cannot be asked how far`);
      case 'revoked':
        return failed(`revoked, ${words}`, 'ask the HGS administrator');
      case 'approved':
        return warning(`approved, ${words}`, `complete it: ${enrol}`);
      default:
        return warning(`${enrolment.state}, ${words}`, `an HGS administrator approves it; then ${enrol}`);
    }
  }),
};

export const attestationCheck: Check = {
  id: 'attestation',
  fabricOnly: true,
  limitMillis: 40_000,
  run: ofEachReport(({ attestationStatus, attestationSubStatus, lastAttestation, healthCertificate }) => {
    if (attestationStatus === 'Passed')
      return good(`passed, until ${healthCertificate?.notAfter ?? 'an unknown time'}`);
    if (attestationStatus === 'NotConfigured' || attestationStatus === 'Unknown')
      return skipped('this host has not attested yet');
    const names = attestationSubStatus.length === 0 ? '' : ` (${attestationSubStatus.join(', ')})`;
    const words = `${attestationStatus}${names}${lastAttestation?.detail === undefined ? '' : `: ${lastAttestation.detail}`}`;
    if (attestationStatus === 'Expired' || attestationStatus === 'TransientError')
      return warning(words, "'sekimori-host attest'");
    const trace = lastAttestation?.traceId;
    const findings = trace === undefined ? '' : `; an administrator reads the findings under ${trace}`;
    return failed(words, `'sekimori-host status' tells more${findings}`);
  }),
};

function ofEachReport(judge: (report: Omit<ServiceReport, 'service'>) => Outcome): Check['run'] {
  return async (deps) => {
    const report = await deps.report();
    if (!report.ok) return failed(describeFault(report.fault), 'look at the state folder; status says the same');
    return outcomesFor(deps, report.value, judge);
  };
}

function outcomesFor(
  { settings }: DoctorDeps,
  report: HostReport,
  judge: (report: Omit<ServiceReport, 'service'>) => Outcome,
): Outcome | readonly Outcome[] {
  if (settings.attestation.length === 0) return skipped('no attestation service is configured');
  if (report.services.length < 2) return judge(report);
  return report.services.map((service) => ({ ...judge(service), subject: service.service }));
}
