import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { defaultDataFolder } from '@sekimori/guardian-files/data-folder';
import { TPM_COMMANDS, TPM_GROUP } from '@sekimori/tpm-commands/definitions';
import { INIT_DEFAULTS } from './init/options.ts';
import type { Io } from './io.ts';
import type { Answer, Context } from './outcome.ts';
import type { SetPolicyOptions } from './commands/policy.ts';
import { PROGRAM, settle, settleUsage } from './run.ts';

/** Runs one command line (without node and script) and answers the exit status. */
export async function run(io: Io, version: string, args: readonly string[]): Promise<number> {
  let status = 0;
  const program = buildProgram(io, version, (ended) => void (status = ended));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof UsageStop) return settleUsage(error.stop, error.command);
    throw error;
  }
}

/** All commands. What each does is loaded when it is run, so that help comes at once. */
export function buildProgram(io: Io, version: string, ended: (status: number) => void): Command {
  const program = new Command(PROGRAM);
  program
    .description('Host Guardian Service: run it, approve hosts, keep baselines, make guardians and key protectors')
    .version(version, '--version', 'print the version')
    .option('--data <folder>', 'the data folder (default: SEKIMORI_DATA, or sekimori in the state home)')
    .option('--json', 'print one JSON document')
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ showGlobalOptions: true, helpWidth: io.columns ?? 80 })
    .configureOutput({
      writeOut: io.write,
      writeErr: io.tell,
      getOutHelpWidth: () => io.columns ?? 80,
      getErrHelpWidth: () => io.columns ?? 80,
      getOutHasColors: () => io.colours,
      outputError: () => undefined, // said by settleUsage
    });

  const contextOf = (command: Command): Context => {
    const { data, json } = command.optsWithGlobals<{ readonly data?: string; readonly json?: true }>();
    return { io, data: data ?? defaultDataFolder(io.env), json: json === true };
  };
  /** The last two arguments that commander hands over are the options and the command. */
  const act =
    <A extends readonly unknown[]>(work: (context: Context, ...args: A) => Answer) =>
    async (...given: unknown[]): Promise<void> => {
      const context = contextOf(given.at(-1) as Command);
      ended(await settle(context, () => work(context, ...(given.slice(0, -1) as unknown as A))));
    };
  const define = (parent: Command, usage: string, summary: string, examples: readonly string[]): Command => {
    const command = parent.command(usage).description(summary);
    return describe(command, examples);
  };
  const group = (name: string, summary: string, example: string) =>
    define(program, name, summary, [example]).helpCommand(false);

  describe(program, ['init', 'serve', 'status', 'host approve node7 --fingerprint 3f1c…']);

  define(program, 'init', 'make a data folder: CA, keys, certificates, configurations of both services', [
    'init --data ./hgs',
    'init --host 0.0.0.0 --dns hgs.example --service-id hgs.example',
  ])
    .option(
      '--service-id <name>',
      `names this fabric in challenges and certificates (default: ${INIT_DEFAULTS.serviceId})`,
    )
    .option('--host <address>', `where the services listen (default: ${INIT_DEFAULTS.host})`)
    .option('--dns <names...>', `DNS names in the TLS certificates (default: ${INIT_DEFAULTS.dns.join(' ')})`)
    .option(
      '--attestation-port <port>',
      `0 takes a free one at each start (default: ${INIT_DEFAULTS.ports.attestation})`,
      port,
    )
    .option(
      '--key-protection-port <port>',
      `0 takes a free one at each start (default: ${INIT_DEFAULTS.ports.keyProtection})`,
      port,
    )
    .option(
      '--guardian-name <name>',
      `the fabric's guardian, as tenants see it (default: ${INIT_DEFAULTS.guardianName})`,
    )
    .action(act(async (context, options: object) => (await import('./commands/init.ts')).init(context, options)));

  define(program, 'serve', 'run both services in one process until told to stop; logs go to stderr', [
    'serve --data ./hgs',
  ])
    .addOption(
      new Option('--log-level <level>', 'of the log on stderr').choices(['debug', 'info', 'warn', 'error', 'silent']),
    )
    .option('--attestation-port <port>', 'in place of the configured one', port)
    .option('--key-protection-port <port>', 'in place of the configured one', port)
    .addHelpText('after', '  3  told to stop, and did not end in time')
    .action(async (options: object, command: Command) =>
      ended(await (await import('./commands/serve.ts')).serve(contextOf(command), options)),
    );

  define(program, 'status', 'what both services say of themselves; 1 when one is not reachable', [
    'status --json',
  ]).action(act(async (context) => (await import('./commands/status.ts')).showStatus(context)));

  const host = group('host', 'hosts: list, show, approve, revoke, remove', 'host list');
  define(host, 'list', 'the hosts and their states', ['host list']).action(
    act(async (context) => (await import('./commands/host.ts')).listHosts(context)),
  );
  define(host, 'show', 'one host with its latest verdicts and every finding', ['host show node7'])
    .argument('<host>', 'name or id')
    .action(act(async (context, name: string) => (await import('./commands/host.ts')).showHost(context, name)));
  define(host, 'approve', 'approve a host whose EK fingerprint you compared at the machine itself', [
    'host approve node7 --fingerprint 3f1c…',
  ])
    .argument('<host>', 'name or id')
    .option('--fingerprint <hex>', "as 'sekimori-host identity' shows it on the host")
    .action(
      act(async (context, name: string, options: { readonly fingerprint?: string }) =>
        (await import('./commands/host.ts')).approveHost(context, name, options),
      ),
    );
  define(host, 'revoke', 'revoke a host and its certificates: no key is released to it any more', [
    'host revoke node7 --reason "stolen"',
  ])
    .argument('<host>', 'name or id')
    .option('--reason <text>', 'for the audit log', 'none given')
    .action(
      act(async (context, name: string, options: { readonly reason: string }) =>
        (await import('./commands/host.ts')).revokeHost(context, name, options),
      ),
    );

  define(host, 'remove', 'free the name and the TPM of a revoked host, so that its machine can be enrolled anew', [
    'host remove node7',
  ])
    .argument('<host>', 'name or id')
    .action(act(async (context, name: string) => (await import('./commands/host.ts')).removeHost(context, name)));

  const baseline = group('baseline', 'baselines, the boots that are approved: capture, list, retire', 'baseline list');
  define(baseline, 'capture', 'approve a boot of a host, for every host: the newest, which is shown first', [
    'baseline capture node7 --name debian-12.8',
    'baseline capture node7 --name debian-12.8 --trace-id 5c1f…',
  ])
    .argument('<host>', 'name or id')
    .requiredOption('--name <name>', 'of the baseline')
    .option('--trace-id <id>', "of the verdict that you reviewed, as 'sekimori host show' has it")
    .action(
      act(async (context, name: string, options: { readonly name: string; readonly traceId?: string }) =>
        (await import('./commands/baseline.ts')).captureBaseline(context, name, options),
      ),
    );
  define(baseline, 'list', 'the baselines', ['baseline list']).action(
    act(async (context) => (await import('./commands/baseline.ts')).listBaselines(context)),
  );
  define(baseline, 'retire', 'accept a baseline no longer, and say what ends when', [
    'baseline retire debian-12.8',
    'baseline retire debian-12.8 --apply-now',
  ])
    .argument('<baseline>', 'name or id')
    .addOption(applyNow())
    .action(
      act(async (context, name: string, options: { readonly applyNow?: boolean }) =>
        (await import('./commands/baseline.ts')).retireBaseline(context, name, options),
      ),
    );

  const policy = group('policy', 'the attestation policy, what a host must show: show, set, apply-now', 'policy show');
  define(policy, 'show', 'the policy in force', ['policy show']).action(
    act(async (context) => (await import('./commands/policy.ts')).showPolicy(context)),
  );
  define(policy, 'set', 'set what a host must show, from its next attestation on', [
    'policy set --secure-boot required --apply-now',
  ])
    .addOption(
      new Option('--secure-boot <demand>', 'of hosts').choices(['required', 'not-required']).makeOptionMandatory(),
    )
    .option('--insecure-secure-boot-not-required', 'due with not-required: any code may have run before the kernel')
    .addOption(applyNow())
    .action(
      act(async (context, options: SetPolicyOptions) =>
        (await import('./commands/policy.ts')).setPolicy(context, options),
      ),
    );
  define(policy, 'apply-now', 'end all certificates issued so far: every host must attest again', [
    'policy apply-now',
  ]).action(act(async (context) => (await import('./commands/policy.ts')).applyPolicyNow(context)));

  const tpmRoot = group('tpm-root', 'TPM vendors that are trusted: add, list, remove', 'tpm-root list');
  define(tpmRoot, 'add', 'trust the CA of a TPM vendor; EK certificates must chain to one', [
    'tpm-root add infineon-root.pem --vendor Infineon --manufacturer 49465800',
  ])
    .argument('<file>', 'one CA certificate, PEM or DER')
    .requiredOption('--vendor <name>', 'for people')
    .option(
      '--manufacturer <ids...>',
      'TCG vendor ids that it vouches for, 8 hex digits each (default: the known makers of hardware TPMs)',
    )
    .option('--insecure-software-tpm', 'it is the CA of a software TPM, which protects nothing from root')
    .action(
      act(
        async (
          context,
          file: string,
          options: { readonly vendor: string; readonly manufacturer?: readonly string[] },
        ) => (await import('./commands/tpm-root.ts')).addTpmRoot(context, file, options),
      ),
    );
  define(tpmRoot, 'list', 'the trusted TPM vendors', ['tpm-root list']).action(
    act(async (context) => (await import('./commands/tpm-root.ts')).listTpmRoots(context)),
  );

  define(tpmRoot, 'remove', 'trust the CA of a TPM vendor no longer; its enrolled hosts stay until revoked', [
    'tpm-root remove 8be0…',
  ])
    .argument('<fingerprint>', "as 'sekimori tpm-root list' has it")
    .action(
      act(async (context, fingerprint: string) =>
        (await import('./commands/tpm-root.ts')).removeTpmRoot(context, fingerprint),
      ),
    );

  define(program, 'explain', 'read a boot log aloud: events, PCRs, facts, defects', [
    'explain /sys/kernel/security/tpm0/binary_bios_measurements',
    'explain boot.log --json',
  ])
    .argument('<log>', 'a TCG event log')
    .action(act(async (context, file: string) => (await import('./commands/explain.ts')).explainLog(context, file)));

  const tpm = group('tpm', TPM_GROUP, 'tpm info');
  for (const { name, summary, examples, arguments: words, options, run: work } of TPM_COMMANDS) {
    const command = define(tpm, name, summary, examples);
    for (const { syntax, about } of words) command.argument(syntax, about);
    for (const { flags, about } of options) command.option(flags, about);
    command.action(
      act(async (context, ...given: readonly unknown[]) =>
        (await import('./commands/tpm.ts')).runTpmCommand(work, context, given),
      ),
    );
  }

  const guardian = group('guardian', 'guardians, who own or open key protectors: new, import, list', 'guardian list');
  define(guardian, 'new', 'make a guardian of your own; its private keys stay in the data folder', [
    'guardian new alice',
  ])
    .argument('<name>')
    .action(act(async (context, name: string) => (await import('./commands/guardian.ts')).newGuardian(context, name)));
  define(guardian, 'import', "keep somebody's guardian, after its fingerprint was compared another way", [
    'guardian import fabric --from https://hgs.example:8444 --ca ca.pem --fingerprint a4c6…',
    'guardian import bob --from bob.xml --fingerprint 77e0…',
  ])
    .argument('<name>', 'what you call it')
    .requiredOption('--from <file or address>', 'a metadata document, or a key protection service')
    .option('--fingerprint <hex>', 'as its owner told you, another way')
    .option('--ca <file>', 'the CA of that address (default: the one of the data folder)')
    .action(
      act(async (context, name: string, options: { readonly from: string }) =>
        (await import('./commands/guardian.ts')).importGuardian(context, name, options),
      ),
    );
  define(guardian, 'list', 'the guardians of the data folder, with their fingerprints', ['guardian list']).action(
    act(async (context) => (await import('./commands/guardian.ts')).listGuardians(context)),
  );

  const keyProtector = group(
    'key-protector',
    "key protectors, which hold a VM's key for its owner and guardians: new, show, open",
    'key-protector show vm.kp',
  );
  define(keyProtector, 'new', 'make a key protector with a fresh transport key', [
    'key-protector new --owner alice --guardian fabric --out vm.kp --key-out vm.key',
  ])
    .requiredOption('--owner <name>', 'a guardian of your own; it can always open the protector')
    .option('--guardian <names...>', 'who else can open it')
    .requiredOption('--out <file>', 'the protector; never overwritten')
    .option('--key-out <file>', 'the transport key, 32 bytes, for you alone (default: written nowhere)')
    .action(
      act(async (context, options: { readonly owner: string; readonly out: string }) =>
        (await import('./commands/key-protector.ts')).makeProtector(context, options),
      ),
    );
  define(keyProtector, 'show', 'owner, guardians, algorithms; checks structure and signatures', [
    'key-protector show vm.kp',
  ])
    .argument('<file>')
    .action(
      act(async (context, file: string) => (await import('./commands/key-protector.ts')).showProtector(context, file)),
    );
  define(keyProtector, 'open', 'open a key protector with a guardian of your own', [
    'key-protector open vm.kp --guardian alice --key-out vm.key',
  ])
    .argument('<file>')
    .requiredOption('--guardian <name>', 'of your own')
    .option('--key-out <file>', 'the transport key, 32 bytes, for you alone')
    .option('--insecure-print-key', 'print the transport key in hex: it ends up in scrollback and logs')
    .action(
      act(async (context, file: string, options: { readonly guardian: string }) =>
        (await import('./commands/key-protector.ts')).openProtector(context, file, options),
      ),
    );

  const audit = group('audit', 'the audit logs: list, verify', 'audit verify');
  const service = () => new Option('--service <service>', 'whose log').choices(['attestation', 'key-protection']);
  define(audit, 'list', 'the newest decisions', ['audit list', 'audit list --service key-protection --after 120'])
    .addOption(service().default('attestation'))
    .option('--after <number>', 'entries after this one, oldest first', count)
    .option('--limit <number>', 'at most so many, up to 1000', pageSize, 20)
    .action(
      act(async (context, options: ListAuditOptions) =>
        (await import('./commands/audit.ts')).listAudit(context, options),
      ),
    );
  define(audit, 'verify', 'compute the chain of the whole log anew; 1 when it does not hold', [
    'audit verify',
    'audit verify --service attestation --checkpoint 17:9f2c…',
  ])
    .addOption(service())
    .option('--checkpoint <index:hash>', 'what an earlier verify printed: shows truncation and rewriting')
    .action(
      act(async (context, options: object) => (await import('./commands/audit.ts')).verifyAudit(context, options)),
    );

  const release = group('release', 'releases of keys to hosts: list', 'release list');
  define(release, 'list', 'which host was given keys when; never a key', ['release list --after 40'])
    .option('--after <number>', 'releases after this one', count, 0)
    .option('--limit <number>', 'at most so many, up to 1000', pageSize, 100)
    .action(
      act(async (context, options: { readonly after: number; readonly limit: number }) =>
        (await import('./commands/release.ts')).listReleases(context, options),
      ),
    );
  return program;
}

function applyNow(): Option {
  return new Option('--apply-now', 'end all certificates issued so far: every host must attest again');
}

interface ListAuditOptions {
  readonly service: 'attestation' | 'key-protection';
  readonly after?: number;
  readonly limit: number;
}

/** Examples, exit statuses and the way to end of a command. */
function describe(command: Command, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  ${PROGRAM} ${example}`);
  const statuses = '  0  done\n  1  refused or failed: stderr says why\n  2  wrong command line';
  command.addHelpText('after', `\nExamples:\n${lines.join('\n')}\n\nExit status:\n${statuses}`);
  return command.exitOverride((stop) => {
    throw new UsageStop(stop, fullName(command));
  });
}

class UsageStop extends Error {
  readonly stop: CommanderError;
  readonly command: string;
  constructor(stop: CommanderError, command: string) {
    super(stop.message);
    this.stop = stop;
    this.command = command;
  }
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

function wholeNumber(text: string, minimum: number, maximum: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= minimum && value <= maximum))
    throw new InvalidArgumentError(`a number from ${minimum} to ${maximum} is due.`);
  return value;
}

function port(text: string): number {
  return wholeNumber(text, 0, 65_535);
}

function count(text: string): number {
  return wholeNumber(text, 0, Number.MAX_SAFE_INTEGER);
}

function pageSize(text: string): number {
  return wholeNumber(text, 1, 1000);
}
