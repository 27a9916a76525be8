import type { Fault, Result } from '@sekimori/result';
import type { TpmFault } from '@sekimori/tpm2';
import type { TpmAddress } from './address.ts';

/** One of the commands of `tpm`, for the program that defines it: nothing heavy is loaded before it runs. */
export interface TpmCommand {
  /** 'info': the second word of the command line. */
  readonly name: string;
  /** What it does, beginning in lower case and without a full stop. */
  readonly summary: string;
  /** Whole command lines without the program's name. */
  readonly examples: readonly string[];
  readonly arguments: readonly { readonly syntax: string; readonly about: string }[];
  /** `flags` as commander reads them. None of them is `--json`, which every program has. */
  readonly options: readonly { readonly flags: string; readonly about: string }[];
  /** Whether it asks a TPM; the others need nothing of this machine. */
  readonly asksTpm: boolean;
  readonly run: (given: Given) => Promise<Result<Shown, CommandFault>>;
}

/** What a command line gave. */
export interface Given {
  /** In the order of `TpmCommand.arguments`; a variadic one is the rest. */
  readonly args: readonly string[];
  /** By commander's names: `responseTo` of `--response-to <COMMAND>`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Read only by a command whose argument is '-'. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** Which TPM to ask where the command line names none. */
  readonly tpm: TpmAddress;
  readonly now: () => Date;
}

/** What a command found. */
export interface Shown {
  /** For `--json`. */
  readonly document: object;
  /** For people, on stdout. Text that came from a TPM or a file cannot steer a terminal. */
  readonly lines: readonly string[];
  /** Talk for people, on stderr. */
  readonly notes?: readonly string[];
  /** It is bad news: exit status 1. */
  readonly bad?: boolean;
}

/** `usage` is the code of a wrong command line. */
export type CommandFault = (
  | TpmFault
  | Fault<'usage' | 'file' | 'tpm-outage' | 'structure-too-large' | 'pcr-unavailable' | 'pcr-unstable'>
) & { readonly hint?: string };

export function wrongUsage(detail: string, hint: string): { readonly ok: false; readonly fault: CommandFault } {
  return { ok: false, fault: { code: 'usage', detail, hint } };
}
