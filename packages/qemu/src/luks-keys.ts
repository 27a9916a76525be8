import { resolve } from 'node:path';
import type { Secret } from '@sekimori/crypto-core';
import { fail, ok, type Result } from '@sekimori/result';
import { inspectOuterDisk } from './image.ts';
import { CRYPTSETUP_LIMIT_MILLIS, type OuterDiskFault } from './luks.ts';
import { luksPassphrase } from './luks-passphrase.ts';
import { withSecretFiles } from './secret-fifos.ts';
import { type Ran, runProgram } from './tools.ts';

/**
 * Lets another key open the disk too. Whoever calls writes down where the new one is kept, and then calls `keepOuterKey`: a crash at
 * any moment leaves a key that is known. `cryptsetup-failed` where `key` does not open it.
 */
export async function addOuterKey(file: string, key: Secret, added: Secret): Promise<Result<void, OuterDiskFault>> {
  const disk = await inspectOuterDisk(file);
  if (!disk.ok) return disk;
  const options = ['luksAddKey', '--pbkdf-force-iterations', '1000', '--key-file'];
  const ran = await withKeys([key, added], ([known, next]) => [...options, known!, '--', resolve(file), next!]);
  return ran.status === 0 ? ok(undefined) : fail('cryptsetup-failed', ran.stderr);
}

/** After this no key but this one opens the disk, whatever was left of others. `cryptsetup-failed` where it does not open it itself. */
export async function keepOuterKey(file: string, key: Secret): Promise<Result<void, OuterDiskFault>> {
  const disk = await inspectOuterDisk(file);
  if (!disk.ok) return disk;
  const test = ['open', '--test-passphrase', '--type', 'luks1', '--key-file'];
  const opensSlot = (slot: number) =>
    withKeys([key], ([known]) => [...test, known!, '--key-slot', `${slot}`, '--', resolve(file)]);
  const slots = disk.value.activeKeySlots;
  const own = await firstOf(slots, async (slot) => (await opensSlot(slot)).status === 0);
  if (own === undefined) return fail('cryptsetup-failed', 'the key opens no slot');
  const kill = (known: string, slot: number) => ['luksKillSlot', '--key-file', known, '--', resolve(file), `${slot}`];
  for (const slot of slots.filter((each) => each !== own)) {
    const killed = await withKeys([key], ([known]) => kill(known!, slot));
    if (killed.status !== 0) return fail('cryptsetup-failed', killed.stderr);
  }
  const after = await inspectOuterDisk(file);
  if (!after.ok) return after;
  const left = after.value.activeKeySlots;
  return left.length === 1 ? ok(undefined) : fail('cryptsetup-failed', `its key slots now are ${left.join(', ')}`);
}

async function firstOf<T>(all: readonly T[], is: (one: T) => Promise<boolean>): Promise<T | undefined> {
  for (const one of all) if (await is(one)) return one;
  return undefined;
}

/** cryptsetup with passphrases in FIFOs, in the order of the keys. Status undefined where it took too long. */
function withKeys(keys: readonly Secret[], args: (files: readonly string[]) => readonly string[]): Promise<Ran> {
  return withSecretFiles(keys.map(luksPassphrase), (files) =>
    runProgram('cryptsetup', ['--batch-mode', ...args(files)], { timeoutMillis: CRYPTSETUP_LIMIT_MILLIS }),
  );
}
