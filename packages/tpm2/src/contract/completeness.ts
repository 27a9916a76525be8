import { expect, it } from 'vitest';
import { type CommandName, COMMANDS } from '../commands/table.ts';
import type { Bench } from './bench.ts';

/** What no test of the suite sends: TPM2_Startup is part of `reset`, beneath the transport. */
const BENEATH: readonly CommandName[] = ['Startup'];
/** A resource manager needs these for itself: handles are its own, and it puts objects aside as it likes. */
const KEPT_BY_A_RESOURCE_MANAGER: readonly CommandName[] = ['ContextSave', 'ContextLoad'];

/** And it does not pass on a handle that it does not know. */
const REFUSED_BY_A_RESOURCE_MANAGER: readonly CommandName[] = ['FlushContext'];

/** Runs after all others, and counts the responses that went by: a command of the table without a test is found here. */
export function completenessContract(
  { succeeded, refused }: Bench,
  { resourceManager }: { readonly resourceManager?: true },
): void {
  const without = (codes: ReadonlySet<number>, ...exempt: readonly CommandName[]) =>
    (Object.keys(COMMANDS) as CommandName[]).filter(
      (name) => !BENEATH.includes(name) && !exempt.includes(name) && !codes.has(COMMANDS[name].code),
    );
  const kept = resourceManager ? KEPT_BY_A_RESOURCE_MANAGER : [];

  it('was asked for every command of the table, and carried each out', () => {
    expect(without(succeeded, ...kept)).toEqual([]);
  });

  it('refused every command of the table, where it was wrong', () => {
    expect(without(refused, ...kept, ...(resourceManager ? REFUSED_BY_A_RESOURCE_MANAGER : []))).toEqual([]);
  });
}
