import { createRequire } from 'node:module';
import { Command, CommanderError, Option } from 'commander';
import type { CommandName, ProgramOptions } from './commands.ts';
import { EXIT, type ExitStatus } from './exit.ts';
import { PROGRAM } from './name.ts';

const EXIT_STATUSES = `
Exit status:
  0  done; with 'status': this host is guarded
  1  failed: a fault of this program, or of the disk
  2  wrong usage or configuration
  3  refused by a service: its fault code is told
  4  a service cannot be reached
  5  the TPM or the event log cannot be used
  6  with 'status': this host is not guarded
`;

const CONFIGURATION = `
Configuration: a JSON file; each setting can be overridden by a variable, so SEKIMORI_HOST_ATTESTATION_URL is attestation.url.
  { "attestation":   { "url": "https://hgs.example:8443", "ca": "hgs-ca.pem" },
    "keyProtection": { "url": "https://hgs.example:8444", "ca": "hgs-ca.pem" } }
More settings: name, stateFolder, tpm.device | tpm.swtpm.socket | tpm.tcp.host and .port, eventLog, signers, endorsementIntermediates.
`;

/** Parses, runs, and answers the exit status. What a command needs is loaded when it runs, so help comes at once. */
export async function run(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<ExitStatus> {
  let status: ExitStatus = EXIT.done;
  const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
  const program = new Command(PROGRAM)
    .description('The Attester: shows to a Host Guardian Service what this machine booted.')
    .version(version, '--version', 'the version')
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
  const add = (name: CommandName, summary: string, example: string) =>
    withCommonOptions(program.command(name))
      .description(summary)
      .addHelpText('after', `${EXIT_STATUSES}\nExample:\n  ${example}\n`)
      .action(async (options: ProgramOptions) => {
        const { runCommand } = await import('./commands.ts');
        status = await runCommand(name, options, env);
      });
  add(
    'identity',
    'Show the endorsement key and the attestation key; with --enrol, enrol this host and complete its activation after approval.',
    `${PROGRAM} identity --enrol --config /etc/sekimori/host.json`,
  )
    .option('--enrol', 'send the platform identifier; after approval, run it again to activate the host')
    .addOption(
      new Option('--host-id <ID>', 'with --enrol: take up the enrolment that the service has under this identifier'),
    )
    .option('--name <NAME>', 'the name to enrol under, instead of the configured one');
  add(
    'attest',
    'Attest now, and keep the health certificate.',
    `${PROGRAM} attest --config /etc/sekimori/host.json --json`,
  );
  add(
    'status',
    "Tell how this host stands, in HGS's names. Changes nothing.",
    `${PROGRAM} status --json || echo 'not guarded'`,
  );
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}

function withCommonOptions(command: Command): Command {
  return command
    .option('--config <FILE>', 'the configuration; /etc/sekimori/host.json where it exists and nothing is given')
    .option('--json', 'one JSON document on stdout; a failure too, as { "fault": { "code", "detail" } }')
    .option('--state <FOLDER>', 'for trials: instead of stateFolder')
    .option('--tpm <TPM>', 'for trials: device:PATH, swtpm:SOCKET or tcp:HOST:PORT')
    .option('--event-log <FILE>', 'for trials: instead of eventLog')
    .option('--attestation <URL>', 'for trials: instead of attestation.url')
    .option('--key-protection <URL>', 'for trials: instead of keyProtection.url')
    .option('--ca <FILE>', 'for trials: the CA of both services');
}
