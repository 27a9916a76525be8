import { attest } from './attest.ts';
import type { HostCommand } from './command.ts';
import { identity } from './identity.ts';
import { preflight } from './preflight.ts';
import { status } from './status.ts';

/** Every command, in the order of the help. */
export const COMMANDS: readonly HostCommand[] = [identity, attest, status, preflight];

/** What the commands of a group are about, by the first word of their names. */
export const GROUPS: Readonly<Record<string, string>> = {};
