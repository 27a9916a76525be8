import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import { readPrivateFile, syncFolder, writePrivateFile } from '@sekimori/service-kit/program';
import { generationPaths, numbered, numberIn, vmPaths } from './layout.ts';

const MAX_PROTECTOR = 1024 * 1024;
const MAX_GUEST_STATE = 8 * 1024 * 1024;
const UNFINISHED = '.unfinished-';
/** The newest and the last known good one. */
const KEPT = 2;

/** A protector and the guest state sealed under its transport key. */
export interface Pair {
  readonly generation: bigint;
  readonly protector: Uint8Array;
  readonly guestState: Uint8Array;
}

export type GenerationFault = Fault<'vm-state-missing' | 'vm-state-unreadable'>;

/** Numbers of complete generations, the newest first: a folder appears under its number once it is whole and on the disk. */
export async function generationsOf(folder: string): Promise<readonly bigint[]> {
  const names = await readdir(vmPaths(folder).generations).catch(orNone);
  return names.flatMap((name) => numberIn(name) ?? []).toSorted((a, b) => (a < b ? 1 : -1));
}

/** `vm-state-unreadable`: a file is missing, too long, or open to other users. */
export async function readPair(folder: string, generation: bigint): Promise<Result<Pair, GenerationFault>> {
  const paths = generationPaths(folder, generation);
  const protector = await readPrivateFile(paths.protector, { maxBytes: MAX_PROTECTOR });
  if (!protector.ok) return unreadable(protector.fault);
  const guestState = await readPrivateFile(paths.guestState, { maxBytes: MAX_GUEST_STATE });
  if (!guestState.ok) return unreadable(guestState.fault);
  const bytes = (of: typeof protector.value) => of.use((content) => Uint8Array.from(content));
  return ok({ generation, protector: bytes(protector.value), guestState: bytes(guestState.value) });
}

/**
 * The next generation, whole or not at all: the new pair, and the vTPM's state as the generation before left it. Those before the last
 * known good one go.
 */
export async function addGeneration(
  folder: string,
  next: Pair & {
    /** Whose vTPM state it starts with: a folder. */
    readonly vtpmFrom: string;
  },
): Promise<void> {
  const { generations } = vmPaths(folder);
  await mkdir(generations, { recursive: true, mode: 0o700 });
  await removeUnfinished(generations);
  const staging = join(generations, `${UNFINISHED}${toHex(crypto.random(8))}`);
  await mkdir(staging, { mode: 0o700 });
  expectOk(await writePrivateFile(join(staging, 'protector.xml'), next.protector));
  expectOk(await writePrivateFile(join(staging, 'guest-state.bin'), next.guestState));
  await copyVtpm(next.vtpmFrom, join(staging, 'vtpm'));
  await syncFolder(staging);
  await rename(staging, join(generations, numbered(next.generation)));
  await syncFolder(generations);
  await keepGenerations(folder, KEPT);
}

/** Removes all but the newest ones. */
export async function keepGenerations(folder: string, count: number): Promise<void> {
  for (const old of (await generationsOf(folder)).slice(count))
    await rm(generationPaths(folder, old).folder, { recursive: true, force: true });
  await syncFolder(vmPaths(folder).generations);
}

/** Seals the state of a running generation anew. The file is whole at any moment. */
export async function replaceGuestState(folder: string, generation: bigint, guestState: Uint8Array): Promise<void> {
  expectOk(await writePrivateFile(generationPaths(folder, generation).guestState, guestState, { replace: true }));
}

/** swtpm's file alone: what else lies there is of no use to the next one. */
const VTPM_STATE = 'tpm2-00.permall';
const MAX_VTPM_STATE = 1024 * 1024;

/**
 * The folder belonged to the user that the VM ran as, so nothing in it is believed: a link there would have us hand that user a file of
 * somebody else's. The content is encrypted and authenticated by the key in the guest state.
 */
export async function copyVtpm(from: string, to: string): Promise<void> {
  const source = await open(join(from, VTPM_STATE), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size, nlink, mode } = await source.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || nlink !== 1 || size > MAX_VTPM_STATE)
      throw new Error(`${join(from, VTPM_STATE)} is not a state of swtpm`);
    const content = Buffer.alloc(size);
    await source.read(content, 0, size, 0);
    await mkdir(to, { mode: 0o700 });
    expectOk(await writePrivateFile(join(to, VTPM_STATE), content));
  } finally {
    await source.close();
  }
}

/** Whoever has the lock may: nobody else is writing one. */
async function removeUnfinished(generations: string): Promise<void> {
  for (const name of await readdir(generations))
    if (name.startsWith(UNFINISHED)) await rm(join(generations, name), { recursive: true, force: true });
}

function unreadable(fault: Fault) {
  return fail('vm-state-unreadable', fault.detail, { cause: fault });
}

function orNone(error: unknown): string[] {
  if ((error as { readonly code?: string }).code === 'ENOENT') return [];
  throw error;
}
