// What a program needs of the kit that runs for long and serves no network: log, graceful stop, and the shapes of its refusals.
export { createLogger, type Logger } from './log.ts';
export { problemOf, type RefusalFault } from './problem.ts';
export { readQuery } from './query.ts';
export { runService, type Service } from './service.ts';
