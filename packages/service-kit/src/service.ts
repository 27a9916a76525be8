import { describeFault, type Fault, type Result } from '@sekimori/result';
import type { Logger } from './log.ts';

/** Why a service does not start, with a way out. */
export interface StartFault extends Fault {
  readonly hint?: string;
}

export interface Service {
  /** Aborted when the service is told to stop. */
  readonly signal: AbortSignal;
  /** Resources are closed in the reverse order of their registration, each after the one before has ended. */
  readonly onStop: (name: string, close: () => Promise<void>) => void;
}

/** Exit statuses: stopped as told; failed, at start or later; refused to start (configuration); did not stop in time. */
export const EXIT = { stopped: 0, failed: 1, refused: 2, forced: 3 } as const;

/**
 * Starts a service, waits for SIGTERM or SIGINT, closes what it opened, and answers the exit status; a second signal or
 * `stopSeconds` end the wait. An error that nobody caught stops the service, since its state is no longer known.
 *
 *     process.exit(await runService({ program: 'sekimori-kps', logger }, start));
 */
export async function runService(
  options: { readonly program: string; readonly logger: Logger; readonly stopSeconds?: number },
  start: (service: Service) => Promise<Result<void, StartFault>>,
): Promise<number> {
  const { program, logger, stopSeconds = 20 } = options;
  const resources: { readonly name: string; readonly close: () => Promise<void> }[] = [];
  const stopping = new AbortController();
  let status: number = EXIT.stopped;

  const told = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const insists = new Promise<void>((resolve) => {
    const onSignal = (signal: string): void => {
      logger.info({ signal }, 'told to stop');
      if (stopping.signal.aborted) resolve();
      stopping.abort();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
  const onUncaught = (error: unknown): void => {
    logger.error({ err: error }, 'an error that nobody caught: stopping');
    status = EXIT.failed;
    stopping.abort();
  };
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);

  try {
    const started = await Promise.race([
      start({ signal: stopping.signal, onStop: (name, close) => void resources.push({ name, close }) }),
      told,
    ]);
    if (started?.ok === false) {
      status = EXIT.refused;
      complain(program, started.fault.detail, started.fault.hint);
      logger.debug({ fault: describeFault(started.fault) }, 'refused to start');
    } else await told;
  } catch (error) {
    status = EXIT.failed;
    complain(program, error instanceof Error ? error.message : String(error));
    logger.debug({ err: error }, 'failed to start');
  }
  stopping.abort();

  const closeAll = async (): Promise<void> => {
    for (let resource = resources.pop(); resource; resource = resources.pop()) {
      try {
        await resource.close();
      } catch (error) {
        status = EXIT.failed;
        logger.error({ resource: resource.name, err: error }, 'could not close');
      }
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, stopSeconds * 1000, 'late');
  });
  const outcome = await Promise.race([closeAll(), late, insists.then((): 'late' => 'late')]);
  clearTimeout(timer);
  if (outcome === 'late') {
    logger.warn({}, 'stopped without waiting any longer');
    status = EXIT.forced;
  } else if (status === EXIT.stopped) logger.info({}, 'stopped');
  return status;
}

/** Errors for people, on stderr: what is wrong, and a way out. */
export function complain(program: string, error: string, hint?: string): void {
  process.stderr.write(`${program}: error: ${error}\n${hint === undefined ? '' : `${program}: hint: ${hint}\n`}`);
}
