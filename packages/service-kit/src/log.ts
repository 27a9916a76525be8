import { type DestinationStream, pino } from 'pino';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LEVELS)[number];
type Write = (fields: object, message: string) => void;

/** Fields first, then words. Never bodies, headers, tokens or keys. */
export interface Logger {
  debug: Write;
  info: Write;
  warn: Write;
  error: Write;
}

/** JSON lines on stderr. `level` is usually SEKIMORI_LOG_LEVEL as it stands in the environment. */
export function createLogger(options: {
  readonly service: string;
  readonly level?: string | undefined;
  /** For tests; stderr otherwise. */
  readonly destination?: DestinationStream;
}): Logger {
  const level = LEVELS.find((known) => known === options.level);
  const log = pino(
    {
      level: level ?? 'info',
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Nothing of this is ever handed to a logger; should it happen, it does not print.
      redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
  if (options.level !== undefined && level === undefined)
    log.warn({}, `the log level is none of ${LEVELS.join(', ')}; using info`);
  return log;
}

const REDACTED = ['authorization', 'cookie', 'headers', 'body', 'token', 'secret', 'password', 'key', 'privateKey'];
