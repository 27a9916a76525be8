import type { Logger } from './log.ts';

export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

export interface BackgroundTask {
  /** Starts no further run, tells a running one through its signal, and waits for it. */
  stop(): Promise<void>;
}

/** Runs at once and then `seconds` after each run has ended, so two runs never overlap. A rejection is logged, and the next run comes. */
export function every(
  seconds: number,
  task: (signal: AbortSignal) => Promise<void>,
  options: { readonly name: string; readonly logger: Logger },
): BackgroundTask {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const run = async (): Promise<void> => {
    try {
      await task(stopping.signal);
    } catch (error) {
      if (!stopping.signal.aborted)
        options.logger.error({ task: options.name, err: error }, 'a background task failed');
    }
    if (!stopping.signal.aborted) timer = setTimeout(start, seconds * 1000);
  };
  const start = (): void => {
    running = run();
  };
  start();
  return {
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
