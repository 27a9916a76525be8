import { uptime } from 'node:os';
import { ok } from '@sekimori/result';
import { readPcrs } from '@sekimori/tpm2';
import type { ConnectedHost } from '../../connect.ts';
import { readLog } from '../../evidence.ts';
import { hostFault } from '../../faults.ts';
import { readApproved } from '../../preflight/approved.ts';
import { FORECAST_PCRS } from '../../preflight/forecast.ts';
import { lastAttestation } from '../../preflight/last-attestation.ts';
import { linuxEnvironment } from '../../preflight/linux-environment.ts';
import { preflight, type PreflightReport } from '../../preflight/preflight.ts';
import { TpmOutageError } from '../../tpm-transport.ts';
import type { CommandResult, Invocation } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { PreflightOptions } from '../preflight.ts';
import { printable, table } from '../table.ts';

const STATUS = { 'would-pass': EXIT.done, 'would-not': EXIT.wouldNotPass, unknown: EXIT.unknown } as const;

export async function preflightAction(
  host: ConnectedHost,
  { options }: Invocation<PreflightOptions>,
): Promise<CommandResult> {
  if (host.settings.mode === 'local') return hostFault('local-mode', 'a host that asks nobody has nothing to pass');
  const approved = options.approved === undefined ? undefined : await readApproved(options.approved);
  if (approved && !approved.ok)
    return {
      ok: false,
      fault: { ...approved.fault, hint: "an administrator makes it: 'sekimori baseline list --json'" },
    };
  const log = await readLog(host);
  if (!log.ok) return log;
  const attested = await lastAttestation(host, new Date(host.clock.now().getTime() - uptime() * 1000));
  if (!attested.ok) return attested;
  const tpmPcrs = await pcrsOf(host);
  const { root, esp, efiVariables, disk } = options;
  const report = await preflight({
    crypto: host.crypto,
    eventLog: log.value,
    environment: await linuxEnvironment({
      ...(root !== undefined && { root }),
      ...(esp !== undefined && { esp }),
      ...(efiVariables !== undefined && { efiVariables }),
      ...(disk !== undefined && { disk }),
    }),
    ...attested.value,
    ...(tpmPcrs && { tpmPcrs }),
    ...(approved && { approved: approved.value }),
  });
  if (!report.ok) return hostFault('event-log-unreadable', report.fault.detail, report.fault);
  return ok({ document: report.value, lines: linesOf(report.value), status: STATUS[report.value.verdict] });
}

/** Undefined where the TPM cannot be asked: whether this boot was attested is not known then either. */
async function pcrsOf({ tpm }: ConnectedHost): Promise<ReadonlyMap<number, Uint8Array> | undefined> {
  try {
    const read = await readPcrs(tpm, { bank: 'sha256', indices: FORECAST_PCRS });
    return read.ok ? read.value : undefined;
  } catch (error) {
    if (error instanceof TpmOutageError) return undefined;
    throw error;
  }
}

function linesOf({ verdict, reason, attestation, pcrs, findings }: PreflightReport): readonly string[] {
  const last =
    attestation.outcome === 'unknown' ? attestation.why : `${attestation.outcome} in this boot, ${attestation.at}`;
  const others = pcrs.filter(({ state }) => state !== 'same');
  return [
    ...table({ verdict, why: reason, attestation: last }),
    ...(others.length === 0 ? [] : ['', 'PCRs of the SHA-256 bank']),
    ...others.flatMap(({ index, state, now, next, quoted }) => [
      `${String(index).padStart(4)}  ${state}${quoted ? '' : ', not quoted'}`,
      `      now   ${now}`,
      ...(next === undefined ? [] : [`      next  ${next}`]),
    ]),
    ...(findings.length === 0 ? [] : ['', 'Findings']),
    ...findings.map(({ id, effect, pcrs: touched, subject, detail }) =>
      printable(`  ${id} (${effect}; PCR ${touched.join(', ')}): ${subject}: ${detail}`),
    ),
  ];
}
