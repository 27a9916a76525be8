import { lchown, lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SwtpmStateError } from '@sekimori/tpm2-device/swtpm';
import { type Failed, type Fault, fail, ok, type Result } from '@sekimori/result';

/**
 * `vtpm-state-exists`: a new TPM would replace one. `vtpm-state-missing`: no state is there, and a lost state is never answered
 * with a new TPM. `vtpm-state-refused`: the state does not open with this key, or was damaged. `vtpm-start-failed`: the
 * program swtpm itself.
 */
export type VirtualTpmFault = Fault<
  'vtpm-state-exists' | 'vtpm-state-missing' | 'vtpm-state-refused' | 'vtpm-start-failed'
>;

/** The file with everything that outlasts the power. swtpm(8). */
const PERMANENT_STATE = 'tpm2-00.permall';

/** A folder for a new TPM: made with mode 0700, or there and empty. */
export async function newStateFolder(stateDir: string): Promise<Result<void, VirtualTpmFault>> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const [first] = await readdir(stateDir);
  return first === undefined ? ok(undefined) : fail('vtpm-state-exists', `${stateDir} holds ${first} already`);
}

/** swtpm would make a new TPM where there is none, without a word. */
export async function existingState(stateDir: string): Promise<Result<void, VirtualTpmFault>> {
  const found = await lstat(join(stateDir, PERMANENT_STATE)).catch(() => undefined);
  if (!found?.isFile() || found.size === 0)
    return fail('vtpm-state-missing', `${stateDir} has no ${PERMANENT_STATE}: this is not the folder of a TPM`);
  return ok(undefined);
}

/** Gives folder and files to the user that swtpm runs as. Nothing but files may lie there: a link could name any other file. */
export async function giveStateTo(stateDir: string, uid: number): Promise<Result<void, VirtualTpmFault>> {
  const folder = await lstat(stateDir);
  const entries = await readdir(stateDir, { withFileTypes: true });
  const odd = folder.isDirectory() ? entries.find((entry) => !entry.isFile())?.name : '.';
  if (odd !== undefined) return fail('vtpm-state-refused', `${join(stateDir, odd)} is not of a TPM's state`);
  for (const path of [stateDir, ...entries.map(({ name }) => join(stateDir, name))]) await lchown(path, uid, uid);
  return ok(undefined);
}

/** What kept swtpm from coming up, as a fault. */
export function startFault(error: unknown): Failed<VirtualTpmFault> {
  if (!(error instanceof Error)) throw error;
  return error instanceof SwtpmStateError
    ? fail('vtpm-state-refused', 'the state does not open with this key, or was damaged')
    : fail('vtpm-start-failed', error.message);
}
