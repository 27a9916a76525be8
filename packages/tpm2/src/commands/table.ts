import type { Infer } from '@sekimori/codec';
import { ATTESTATION } from './attestation.ts';
import { NV } from './nv.ts';
import { OBJECTS } from './objects.ts';
import { POLICY } from './policy.ts';
import { SYSTEM } from './system.ts';

export type { Command } from './layout.ts';

/** Every command, named as in Part 3 without the prefix TPM2_. */
export const COMMANDS = { ...SYSTEM, ...OBJECTS, ...ATTESTATION, ...POLICY, ...NV } as const;

export type Commands = typeof COMMANDS;
export type CommandName = keyof Commands;
/** The parameters of a command. Part 3. */
export type RequestOf<Name extends CommandName> = Infer<Commands[Name]['request']>;
/** The parameters of its response. Part 3. */
export type ResponseOf<Name extends CommandName> = Infer<Commands[Name]['response']>;
/** The names of its handles. Part 3. */
export type HandlesOf<Name extends CommandName> = Commands[Name]['handles'][number];

const NAME_OF = new Map(Object.entries(COMMANDS).map(([name, { code }]) => [code, name as CommandName]));

/** Undefined for a command that is not in the table. */
export function commandName(code: number): CommandName | undefined {
  return NAME_OF.get(code);
}
