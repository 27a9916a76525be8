import { describeFault, type Result } from '@sekimori/result';
import type { ConnectedHost } from './connect.ts';
import type { AttestationService } from './deps.ts';
import type { HostFault } from './faults.ts';
import { hostReport } from './status.ts';
import type { HostReport } from './status-shape.ts';

/** How a host stands by its settings: also where those of a service cannot be used. */
export async function reportOf(host: ConnectedHost): Promise<Result<HostReport, HostFault>> {
  const { settings, tpm, clock, failover } = host;
  if (settings.mode === 'local') {
    const local = await hostReport({ mode: 'Local', tpm, clock, failover, attestation: [], keyProtection: [] });
    return local.ok ? { ok: true, value: { ...local.value, remarks: [...local.value.remarks, LOCAL] } } : local;
  }
  const services = await host.attestation();
  const report = await hostReport({
    mode: 'HostGuardianService',
    tpm,
    clock,
    failover,
    attestation: services.ok ? services.value : unreachable(host),
    keyProtection: settings.keyProtection.flatMap(({ urls }) => urls),
  });
  if (!report.ok || services.ok) return report;
  const remarks = [...report.value.remarks, describeFault(services.fault)];
  return { ok: true, value: { ...report.value, remarks } };
}

const LOCAL = "local mode: this host asks nobody; VMs open with the owner's own key";

/** What is kept here is told whatever stands in the way to the services. */
function unreachable({ states }: ConnectedHost): readonly AttestationService[] {
  return [...states].map(([name, state]) => ({ name, nodes: [], state }));
}
