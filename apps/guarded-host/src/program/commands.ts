import { OutageError } from '@sekimori/client';
import { FAULTS } from '@sekimori/protocol';
import type { Fault, Result } from '@sekimori/result';
import { complain, type StartFault } from '@sekimori/service-kit/program';
import { type ConnectedHost, connectHost } from '../connect.ts';
import { asCallFault, HOST_FAULTS, type HostFault } from '../faults.ts';
import { TpmOutageError } from '../tpm-outage.ts';
import { attestCommand } from './attest.ts';
import { EXIT, type ExitStatus } from './exit.ts';
import { identityCommand } from './identity.ts';
import { settingsFrom } from './options.ts';
import { PROGRAM } from './name.ts';
import { statusCommand } from './status.ts';

/** As the command line gives them. */
export interface ProgramOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly state?: string;
  readonly tpm?: string;
  readonly eventLog?: string;
  readonly attestation?: string;
  readonly keyProtection?: string;
  readonly ca?: string;
  readonly enrol?: boolean;
  readonly hostId?: string;
  readonly name?: string;
}

/** What a command found: a document for `--json`, and lines for people. */
interface Outcome {
  readonly document: object;
  readonly lines: readonly string[];
  /** Talk, on stderr: what to do next. */
  readonly next?: string;
  readonly status?: ExitStatus;
}

type Failure = StartFault | HostFault;
export type CommandResult = Result<Outcome, Failure>;

const COMMANDS = { identity: identityCommand, attest: attestCommand, status: statusCommand } satisfies Readonly<
  Record<string, (host: ConnectedHost, options: ProgramOptions) => Promise<CommandResult>>
>;
export type CommandName = keyof typeof COMMANDS;

/** Runs one command: data on stdout, talk on stderr. Answers the exit status. */
export async function runCommand(
  name: CommandName,
  options: ProgramOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ExitStatus> {
  try {
    const outcome = await connected(options, env, (host) => COMMANDS[name](host, options));
    if (!outcome.ok) return failed(outcome.fault, options);
    const { document, lines, next, status = EXIT.done } = outcome.value;
    process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : `${lines.join('\n')}\n`);
    if (next !== undefined && !options.json) process.stderr.write(`${PROGRAM}: next: ${next}\n`);
    return status;
  } catch (error) {
    if (error instanceof OutageError) return failed({ code: 'outage', detail: error.message }, options);
    if (error instanceof TpmOutageError) return failed({ code: 'tpm-outage', detail: error.message }, options);
    return failed({ code: 'failed', detail: error instanceof Error ? error.message : String(error) }, options);
  }
}

async function connected(
  options: ProgramOptions,
  env: Readonly<Record<string, string | undefined>>,
  work: (host: ConnectedHost) => Promise<CommandResult>,
): Promise<CommandResult> {
  const settings = await settingsFrom(options, env);
  if (!settings.ok) return settings;
  const host = await connectHost(settings.value);
  if (!host.ok) return host;
  try {
    return await work(host.value);
  } finally {
    await host.value.close();
  }
}

function failed(fault: Failure, { json }: ProgramOptions): ExitStatus {
  const { code, detail } = fault;
  const call = asCallFault(fault);
  const { traceId, subStatus } = call ?? {};
  if (json) process.stdout.write(`${JSON.stringify({ fault: { code, detail, subStatus, traceId } }, null, 2)}\n`);
  const names = subStatus === undefined || subStatus.length === 0 ? '' : ` (${subStatus.join(', ')})`;
  const trace = traceId === undefined ? '' : `; trace id ${traceId}`;
  complain(
    PROGRAM,
    call ? `the service refuses: ${code}${names}: ${detail}${trace}` : `${code}: ${detail}`,
    hintFor(fault),
  );
  return statusFor(fault);
}

function hintFor(fault: Failure): string | undefined {
  if ('hint' in fault) return fault.hint;
  const known: Readonly<Record<string, string | { readonly todo: string }>> = { ...FAULTS, ...HOST_FAULTS, ...OTHERS };
  const hint = Object.hasOwn(known, fault.code) ? known[fault.code] : undefined;
  return typeof hint === 'object' ? hint.todo : hint;
}

const OTHERS = {
  'tpm-outage': "is there a TPM, and may this user use it (group 'tss' for /dev/tpmrm0)? Another one: --tpm",
  'tpm-error': 'the name of the response code stands in TPM 2.0 Library Part 2, 6.6',
  'pcr-unavailable': 'this TPM has no SHA-256 bank: switch it on in the firmware setup',
} as const;

function statusFor(fault: Fault): ExitStatus {
  const { code } = fault;
  if (asCallFault(fault)) return EXIT.refused;
  if (code === 'outage') return EXIT.outage;
  if (code === 'failed') return EXIT.failed;
  if (code === 'usage' || code.startsWith('config-') || USAGE.has(code)) return EXIT.usage;
  if (code.startsWith('state-')) return EXIT.failed;
  return code.startsWith('service-') || code === 'health-certificate-unexpected' ? EXIT.refused : EXIT.tpm;
}

const USAGE = new Set(['service-not-configured', 'not-enrolled', 'enrolled-otherwise']);
