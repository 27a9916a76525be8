// What a program needs of the kit that runs for long and serves no network: log, queries, graceful stop.
export { createLogger, type Logger } from './log.ts';
export { readQuery } from './query.ts';
export { runService, type Service } from './service.ts';
