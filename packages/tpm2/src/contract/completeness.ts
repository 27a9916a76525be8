import { expect, it } from 'vitest';
import { type CommandName, COMMANDS } from '../commands.ts';
import type { Bench } from './bench.ts';

/** What no test of the suite sends: TPM2_Startup is part of `reset`, beneath the transport. */
const BENEATH: readonly CommandName[] = ['Startup'];
/** A resource manager needs these for itself: handles are its own, and it puts objects aside as it likes. */
const KEPT_BY_A_RESOURCE_MANAGER: readonly CommandName[] = ['ContextSave', 'ContextLoad'];

/** Runs after all others, and counts the responses that went by: a command of the table without a test is found here. */
export function completenessContract({ succeeded }: Bench, options: { readonly resourceManager?: true }): void {
  it('was asked for every command of the table, and carried each out', () => {
    const exempt = [...BENEATH, ...(options.resourceManager ? KEPT_BY_A_RESOURCE_MANAGER : [])];
    const names = Object.keys(COMMANDS) as CommandName[];
    expect(names.filter((name) => !exempt.includes(name) && !succeeded.has(COMMANDS[name].code))).toEqual([]);
  });
}
