import { styleText } from 'node:util';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { ok, type Result } from '@sekimori/result';
import { systemClock } from '@sekimori/service-kit/program';
import type { HostSettings } from '../../config.ts';
import { connectHost, openTpm, readEventLog } from '../../connect.ts';
import type { Check, CheckStatus } from '../../doctor/check.ts';
import { CHECKS } from '../../doctor/checks.ts';
import { type CheckResult, type DoctorReport, examine } from '../../doctor/doctor.ts';
import { linuxMachine } from '../../doctor/linux-machine.ts';
import { probeServices, type ServiceProbe } from '../../doctor/service-probe.ts';
import type { HostFault } from '../../faults.ts';
import { reportOf } from '../../report.ts';
import type { HostReport } from '../../status-shape.ts';
import type { CommandFault, CommandResult, Invocation } from '../command.ts';
import type { DoctorOptions } from '../doctor.ts';
import { EXIT } from '../exit.ts';
import { printable } from '../table.ts';

export async function doctorAction(
  settings: HostSettings,
  { options, env }: Invocation<DoctorOptions>,
): Promise<CommandResult> {
  const checks = chosen(options.only);
  if (!checks.ok) return checks;
  // One connection to the TPM for all checks: a software TPM has no other. A state that cannot be used is what is to be found.
  const host = await connectHost(settings);
  const tpm = host.ok ? host.value.tpm : openTpm(settings.tpm);
  let services: Promise<readonly ServiceProbe[]> | undefined;
  let report: Promise<Result<HostReport, HostFault>> | undefined;
  try {
    const found = await examine(checks.value, {
      settings,
      crypto: nodeCrypto,
      clock: systemClock,
      machine: linuxMachine,
      tpm,
      readEventLog: () => readEventLog(settings.eventLog),
      services: () => (services ??= probeServices(settings, systemClock)),
      report: () => (report ??= host.ok ? reportOf(host.value) : Promise.resolve(host)),
    });
    const isColoured = process.stdout.isTTY && env['NO_COLOR'] === undefined;
    return ok({
      document: found,
      lines: linesOf(found, isColoured),
      status: found.healthy ? EXIT.done : EXIT.unfit,
    });
  } finally {
    await (host.ok ? host.value : tpm).close();
  }
}

function chosen(only: string | undefined): Result<readonly Check[], CommandFault> {
  if (only === undefined) return ok(CHECKS);
  const ids = only.split(',').map((id) => id.trim());
  const known = CHECKS.map(({ id }) => id);
  const strange = ids.find((id) => !known.includes(id));
  if (strange === undefined) return ok(CHECKS.filter(({ id }) => ids.includes(id)));
  return { ok: false, fault: { code: 'usage', detail: `there is no check '${strange}'`, hint: known.join(', ') } };
}

const COLOURS = { ok: 'green', warning: 'yellow', failed: 'red', skipped: 'dim' } as const;

function linesOf({ checks, summary }: DoctorReport, isColoured: boolean): readonly string[] {
  const width = Math.max(0, ...checks.map(({ id }) => id.length));
  const word = (status: CheckStatus) => {
    const padded = status.padEnd(7);
    return isColoured ? styleText(COLOURS[status], padded, { validateStream: false }) : padded;
  };
  const described = ({ subject, found }: CheckResult) =>
    printable(subject === undefined ? found : `${subject}: ${found}`);
  const counts = Object.entries(summary).map(([status, count]) => `${count} ${status}`);
  return [
    ...checks.flatMap((check) => [
      `${word(check.status)}  ${check.id.padEnd(width)}  ${described(check)}`,
      ...(check.mend === undefined ? [] : [`${''.padEnd(9)}${''.padEnd(width)}  mend: ${printable(check.mend)}`]),
    ]),
    '',
    counts.join(', '),
  ];
}
