import { Command, CommanderError, Option } from 'commander';
import type { CommonOptions, Environment, HostCommand } from './command.ts';
import { COMMANDS, GROUPS } from './commands.ts';
import { EXIT, type ExitStatus } from './exit.ts';
import { PROGRAM, version } from './name.ts';

const EXIT_STATUSES = `
Exit status:
  0  done; with 'status': this host is guarded
  1  failed: the fault code tells
  2  wrong usage or configuration
  3  refused by a service: its fault code is told
  4  a service cannot be reached
  5  the TPM, the event log or the list of IMA cannot be used
  6  with 'status' and 'wait': this host is not guarded
  7  with 'preflight': it would not pass after a reboot
  8  with 'preflight': it is not known whether it would
  9  with 'doctor': a check failed
`;

const CONFIGURATION = `
Configuration: a JSON file; each setting can be overridden by a variable, so SEKIMORI_HOST_ATTESTATION_URL is attestation.url.
  { "attestation":   { "url": "https://hgs.example:8443", "ca": "hgs-ca.pem" },
    "keyProtection": { "url": "https://hgs.example:8444", "ca": "hgs-ca.pem" } }
Several services: attestationServices and keyProtectionServices, each with urls and ca.
More settings: mode, name, stateFolder, socket, tpm.device | tpm.swtpm.socket | tpm.tcp.host and .port, eventLog, imaList, signers, endorsementIntermediates, vms.
`;

/** Parses, runs, and answers the exit status. What a command needs is loaded when it runs, so help comes at once. */
export async function run(args: readonly string[], env: Environment): Promise<ExitStatus> {
  let status: ExitStatus = EXIT.done;
  const program = new Command(PROGRAM)
    .description('The Attester: shows to a Host Guardian Service what this machine booted.')
    .version(version(), '--version', 'the version')
    .helpOption('-h, --help', 'this text')
    .helpCommand('help [command]', 'the help of a command')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`${PROGRAM}: ${text}${PROGRAM}: hint: see '${PROGRAM} --help'\n`),
    })
    .addHelpText(
      'after',
      `${CONFIGURATION}${EXIT_STATUSES}
Example:
  ${PROGRAM} identity --enrol --config /etc/sekimori/host.json
  ${PROGRAM} attest && ${PROGRAM} status --json
`,
    );
  for (const command of COMMANDS)
    define(program, command).action(async (...given: unknown[]) => {
      // The last two arguments that commander hands over are the options and the command.
      const options = given.at(-2) as CommonOptions;
      const words = given.slice(0, -2).flat() as (string | undefined)[];
      const { execute } = await import('./execute.ts');
      status = await execute(command, { options, args: words.filter((each) => each !== undefined), env });
    });
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}

/** Adds a command to the program, with its group where there is none yet. */
function define(
  program: Command,
  { name, summary, example, arguments: args = [], options = [] }: HostCommand,
): Command {
  const words = name.split(' ');
  const own = words.at(-1)!;
  const command = (words.length === 1 ? program : groupOf(program, words[0]!)).command(own).description(summary);
  for (const { syntax, about } of args) command.argument(syntax, about);
  for (const { flags, about, required, default: otherwise, parse } of options) {
    const option = new Option(flags, about).makeOptionMandatory(required === true);
    if (otherwise !== undefined) option.default(otherwise);
    command.addOption(parse ? option.argParser(parse) : option);
  }
  return withCommonOptions(command).addHelpText('after', `${EXIT_STATUSES}\nExample:\n  ${example}\n`);
}

function groupOf(program: Command, name: string): Command {
  const known = program.commands.find((command) => command.name() === name);
  return (
    known ??
    program
      .command(name)
      .description(GROUPS[name] ?? '')
      .helpCommand(false)
  );
}

function withCommonOptions(command: Command): Command {
  return command
    .option('--config <FILE>', 'the configuration; /etc/sekimori/host.json where it exists and nothing is given')
    .option('--json', 'one JSON document on stdout; a failure too, as { "fault": { "code", "detail" } }')
    .option('--state <FOLDER>', 'for trials: instead of stateFolder')
    .option('--socket <FILE>', "for trials: instead of the agent's socket")
    .option('--tpm <TPM>', 'for trials: device:PATH, swtpm:SOCKET or tcp:HOST:PORT')
    .option('--event-log <FILE>', 'for trials: instead of eventLog')
    .option('--attestation <URL>', 'for trials: instead of attestation.url')
    .option('--key-protection <URL>', 'for trials: instead of keyProtection.url')
    .option('--ca <FILE>', 'for trials: the CA of both services');
}
