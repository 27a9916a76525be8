import type { CommandName, RequestOf, ResponseOf } from '@sekimori/tpm2';
import type { Entity } from './entities.ts';
import type { HandleKind, HandleKinds } from './handles.ts';
import type { Machine } from './machine.ts';
import type { Answer } from './response-codes.ts';

/** What an authorization is needed for. Part 1, 19.2. */
export type Role = 'user' | 'admin' | 'dup';

interface Done<Name extends CommandName> {
  /** Of a command that makes an object or a session. */
  readonly handle?: number;
  readonly response: ResponseOf<Name>;
}

/** How one command is checked and carried out; its layout stands in COMMANDS of tpm2. */
export interface Handler<Name extends CommandName> {
  readonly handles: readonly HandleKind[];
  /** Of the handles that need an authorization; `user` where nothing is said. */
  readonly roles: readonly Role[];
  /** False for a command that takes no session of any kind. */
  readonly sessions: boolean;
  run(
    machine: Machine,
    handles: readonly Entity[],
    request: RequestOf<Name>,
  ): Answer<Done<Name>> | Promise<Answer<Done<Name>>>;
}

/** Each command has a handler, or this does not compile. */
export type Handlers = { readonly [Name in CommandName]: Handler<Name> };

interface Layout<Name extends CommandName, Kinds extends readonly HandleKind[]> {
  readonly handles?: Kinds;
  readonly roles?: readonly Role[];
  readonly sessions?: false;
  readonly run: (
    machine: Machine,
    handles: { readonly [I in keyof Kinds]: HandleKinds[Kinds[I]] },
    request: RequestOf<Name>,
  ) => Answer<Done<Name>> | Promise<Answer<Done<Name>>>;
}

/** `Name` is for the types alone: `handler<'Quote'>()({ handles: ['object'], run: (machine, [signer], request) => … })`. */
export function handler<Name extends CommandName>() {
  return <const Kinds extends readonly HandleKind[] = readonly []>(layout: Layout<Name, Kinds>): Handler<Name> => ({
    handles: layout.handles ?? [],
    roles: layout.roles ?? [],
    sessions: layout.sessions ?? true,
    // resolveHandle has given each handle the kind that stands in `handles`
    run: layout.run,
  });
}
