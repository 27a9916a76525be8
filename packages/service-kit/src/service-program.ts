import { ok, type Result } from '@sekimori/result';
import type { Static, TSchema } from 'typebox';
import { type Clock, systemClock } from './clock.ts';
import { type LoadedConfig, loadConfig, type UnsafeSetting } from './config.ts';
import { createLogger, type Logger } from './log.ts';
import { complain, EXIT, runService, type StartFault } from './service.ts';

/** A service as a program of its own: one `--config FILE`, settings overridden by variables, stopped by a signal. */
export interface ServiceProgram<S extends TSchema> {
  readonly program: string;
  readonly version: string;
  /** What it is and does, in one sentence. */
  readonly about: string;
  readonly schema: S;
  /** Of the variables, with its last underscore. */
  readonly prefix: string;
  readonly unsafe?: readonly UnsafeSetting<Static<S>>[];
  /** The file that `sekimori init` writes, within its data folder. */
  readonly configFile: string;
  readonly start: (
    loaded: LoadedConfig<Static<S>>,
    environment: { readonly logger: Logger; readonly clock: Clock; readonly version: string },
  ) => Promise<Result<{ readonly close: () => Promise<void> }, StartFault>>;
}

/** Gives the exit status: see `EXIT`, and 2 for a wrong command line. */
export async function runServiceProgram<S extends TSchema>(
  service: ServiceProgram<S>,
  { args, env }: { readonly args: readonly string[]; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<number> {
  const { program, version, schema, prefix, unsafe, start } = service;
  if (args.includes('--help')) return say(helpOf(service));
  if (args.includes('--version')) return say(`${version}\n`);
  const [option, file] = args;
  if (args.length !== 2 || option !== '--config') {
    complain(program, 'one --config FILE is needed', `see '${program} --help'`);
    return EXIT.refused;
  }
  const logger = createLogger({ service: program, level: env['SEKIMORI_LOG_LEVEL'] });
  return runService({ program, logger }, async ({ onStop }) => {
    const loaded = await loadConfig(schema, { file, env, prefix, ...(unsafe ? { unsafe } : {}) });
    if (!loaded.ok) return loaded;
    const started = await start(loaded.value, { logger, clock: systemClock, version });
    if (!started.ok) return started;
    onStop(program, started.value.close);
    return ok(undefined);
  });
}

function helpOf({ program, about, prefix, configFile }: ServiceProgram<TSchema>): string {
  return `Usage: ${program} --config FILE

${about}

  --config FILE   the configuration (JSON); 'sekimori init' writes one
  --help          this text
  --version       the version

Each setting can be overridden by a variable: ${prefix}LISTEN_PORT is listen.port.
SEKIMORI_LOG_LEVEL: debug, info, warn, error or silent. Logs are JSON lines on stderr.

Exit status: 0 stopped as told, 1 failed, 2 refused to start, 3 did not stop in time.

Example:
  sekimori init --data ./hgs
  ${program} --config ./hgs/${configFile}
`;
}

function say(text: string): number {
  process.stdout.write(text);
  return EXIT.stopped;
}
