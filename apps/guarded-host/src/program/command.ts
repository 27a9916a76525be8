import type { Fault, Result } from '@sekimori/result';
import { InvalidArgumentError } from 'commander';
import type { AgentClient } from '../agent/client.ts';
import type { HostSettings } from '../config.ts';
import type { ConnectedHost } from '../connect.ts';
import type { HostFault } from '../faults.ts';
import type { ExitStatus } from './exit.ts';

/** The options that every command has, as the command line gives them. */
export interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly state?: string;
  readonly socket?: string;
  readonly tpm?: string;
  readonly eventLog?: string;
  readonly attestation?: string;
  readonly keyProtection?: string;
  readonly ca?: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command is given. `Options` are its own ones. */
export interface Invocation<Options = object> {
  readonly options: CommonOptions & Options;
  /** In the order of `CommandSpec.arguments`; a variadic one is the rest. */
  readonly args: readonly string[];
  readonly env: Environment;
}

/** What a command found: a document for `--json`, and lines for people. */
interface Outcome {
  readonly document: object;
  readonly lines: readonly string[];
  /** Talk, on stderr: what to do next. */
  readonly next?: string;
  /** More talk, a line each. */
  readonly notes?: readonly string[];
  readonly status?: ExitStatus;
}

/** Why a command failed. Without `hint` and `exit` the tables of `execute.ts` say them by the code. */
export type CommandFault = HostFault | (Fault & { readonly hint?: string; readonly exit?: ExitStatus });
export type CommandResult = Result<Outcome, CommandFault>;

/** What a command needs before it runs: the ports of this host, its agent, its settings alone, or nothing of this machine. */
interface Actions<Options> {
  readonly host: (host: ConnectedHost, invocation: Invocation<Options>) => Promise<CommandResult>;
  readonly agent: (agent: AgentClient, invocation: Invocation<Options>) => Promise<CommandResult>;
  readonly settings: (settings: HostSettings, invocation: Invocation<Options>) => Promise<CommandResult>;
  readonly nothing: (nothing: undefined, invocation: Invocation<Options>) => Promise<CommandResult>;
}
export type Need = keyof Actions<object>;

interface CommandSpec {
  /** 'status', or with its group: 'vm start'. */
  readonly name: string;
  /** A sentence. */
  readonly summary: string;
  /** A whole command line. */
  readonly example: string;
  readonly arguments?: readonly { readonly syntax: string; readonly about: string }[];
  readonly options?: readonly {
    /** As commander reads them: '--enrol', '--name <NAME>'. */
    readonly flags: string;
    readonly about: string;
    readonly required?: boolean;
    readonly default?: string | number;
    /** Throws commander's `InvalidArgumentError`; see `wholeNumber`. */
    readonly parse?: (text: string) => unknown;
  }[];
}

type Definition<N extends Need, Options> = CommandSpec & {
  readonly needs: N;
  /** Imports what the command does when it runs, so that help comes at once. */
  readonly action: () => Promise<Actions<Options>[N]>;
};

export type HostCommand = { readonly [N in Need]: Definition<N, object> }[Need];

/**
 * A command. Its module imports nothing heavy, and stands in `commands.ts`.
 *
 *     export const doctor = hostCommand<'settings', { readonly only?: string }>({
 *       name: 'doctor', summary: 'Find what is missing.', example: `${PROGRAM} doctor`, needs: 'settings',
 *       action: async () => (await import('./actions/doctor.ts')).doctorAction,
 *     });
 */
export function hostCommand<N extends Need, Options = object>(definition: Definition<N, Options>): HostCommand {
  return definition as unknown as HostCommand; // commander gives the options that the definition names
}

/** For options that are numbers. */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`a number from ${minimum} to ${maximum} is due.`);
  };
}
