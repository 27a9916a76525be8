import type { Fault, Result } from '@sekimori/result';
import type { Io } from './io.ts';

/** A fault with a way out. */
export interface CommandFault extends Fault {
  readonly hint?: string;
  readonly traceId?: string;
  /** The command line itself is wrong: exit status 2. */
  readonly usage?: boolean;
}

/** What a command found: the same as JSON and as text. */
export interface Outcome {
  readonly json: unknown;
  /** Without the last line end. */
  readonly text: string;
  /** Said on stderr, and not part of the data. */
  readonly notes?: readonly string[];
  /** The data was got, and it is bad news: exit status 1. */
  readonly bad?: boolean;
}

/** What every command gets beside its own arguments. */
export interface Context {
  readonly io: Io;
  readonly data: string;
  readonly json: boolean;
}

export type Answer = Promise<Result<Outcome, CommandFault>>;

export function refuse(
  code: string,
  detail: string,
  hint?: string,
): { readonly ok: false; readonly fault: CommandFault } {
  return { ok: false, fault: { code, detail, ...(hint === undefined ? {} : { hint }) } };
}

/** For arguments that fit no command. */
export function misuse(detail: string, hint: string): { readonly ok: false; readonly fault: CommandFault } {
  return { ok: false, fault: { code: 'usage', detail, hint, usage: true } };
}
