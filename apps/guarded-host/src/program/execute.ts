import { FAULTS } from '@sekimori/protocol';
import { complain, terminalJson } from '@sekimori/service-kit/program';
import { AgentOutageError } from '../agent/client.ts';
import { asCallFault, HOST_FAULTS } from '../faults.ts';
import { faultOf } from '../outage.ts';
import { VM_FAULTS } from '../vm/faults.ts';
import { theAgent } from './actions/vm/agent.ts';
import { withHost } from './actions/with-host.ts';
import type { CommandFault, CommandResult, CommonOptions, HostCommand, Invocation } from './command.ts';
import { EXIT, type ExitStatus } from './exit.ts';
import { PROGRAM } from './name.ts';
import { settingsFrom } from './options.ts';

/** Runs one command: data on stdout, talk on stderr. Answers the exit status. */
export async function execute(command: HostCommand, invocation: Invocation): Promise<ExitStatus> {
  const { options } = invocation;
  try {
    const outcome = await runWithWhatItNeeds(command, invocation);
    if (!outcome.ok) return failed(outcome.fault, options);
    const { document, lines, next, notes = [], status = EXIT.done } = outcome.value;
    if (options.json) process.stdout.write(`${terminalJson(document, 2)}\n`);
    else if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
    if (!options.json) for (const note of notes) process.stderr.write(`${note}\n`);
    if (next !== undefined && !options.json) process.stderr.write(`${PROGRAM}: next: ${next}\n`);
    return status;
  } catch (error) {
    const fault = faultOf(error);
    return failed(error instanceof AgentOutageError ? { ...fault, code: 'agent-outage' } : fault, options);
  }
}

async function runWithWhatItNeeds(command: HostCommand, invocation: Invocation): Promise<CommandResult> {
  if (command.needs === 'nothing') return (await command.action())(undefined, invocation);
  const settings = await settingsFrom(invocation.options, invocation.env);
  if (!settings.ok) return settings;
  if (command.needs === 'settings') return (await command.action())(settings.value, invocation);
  if (command.needs === 'host')
    return withHost(settings.value, async (host) => (await command.action())(host, invocation));
  const agent = await theAgent(settings.value);
  return agent.ok ? (await command.action())(agent.value, invocation) : agent;
}

function failed(fault: CommandFault, { json }: CommonOptions): ExitStatus {
  const { code, detail } = fault;
  const call = asCallFault(fault);
  const { traceId, subStatus } = call ?? {};
  if (json) process.stdout.write(`${terminalJson({ fault: { code, detail, subStatus, traceId } }, 2)}\n`);
  const names = subStatus === undefined || subStatus.length === 0 ? '' : ` (${subStatus.join(', ')})`;
  const trace = traceId === undefined ? '' : `; trace id ${traceId}`;
  complain(
    PROGRAM,
    call ? `the service refuses: ${code}${names}: ${detail}${trace}` : `${code}: ${detail}`,
    hintFor(fault),
  );
  return statusFor(fault);
}

function hintFor(fault: CommandFault): string | undefined {
  if ('hint' in fault) return fault.hint;
  const known: Readonly<Record<string, string | { readonly todo: string }>> = {
    ...FAULTS,
    ...HOST_FAULTS,
    ...VM_FAULTS,
    ...OTHERS,
  };
  const hint = Object.hasOwn(known, fault.code) ? known[fault.code] : undefined;
  return typeof hint === 'object' ? hint.todo : hint;
}

const OTHERS = {
  outage: 'see network and name service; the service itself may be down',
  'agent-outage': "see its log: 'journalctl -u sekimori-host'",
  'tpm-outage': "is there a TPM, and may this user use it (group 'tss' for /dev/tpmrm0)? Another one: --tpm",
  'tpm-error': 'the name of the response code stands in TPM 2.0 Library Part 2, 6.6',
  'pcr-unavailable': 'this TPM has no SHA-256 bank: switch it on in the firmware setup',
} as const;

function statusFor(fault: CommandFault): ExitStatus {
  const { code } = fault;
  if ('exit' in fault && fault.exit !== undefined) return fault.exit;
  if (asCallFault(fault)) return EXIT.refused;
  if (code === 'outage') return EXIT.outage;
  if (code === 'usage' || code.startsWith('config-') || USAGE.has(code)) return EXIT.usage;
  if (code.startsWith('service-') || code === 'health-certificate-unexpected') return EXIT.refused;
  return OF_TPM.test(code) ? EXIT.tpm : EXIT.failed;
}

const USAGE = new Set(['service-not-configured', 'local-mode', 'not-enrolled', 'enrolled-otherwise']);
const OF_TPM = /^(tpm|pcr|endorsement|event-log|ima-list|health-key|credential)-|^invalid-key$/;
