import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import { codeOf, readPrivateFile, syncFolder, writePrivateFile } from '@sekimori/service-kit/program';
import { GENERATIONS, numbered, numberIn } from './layout.ts';
import { makeFolder, withPinned } from './pinned.ts';

const MAX_PROTECTOR = 1024 * 1024;
const MAX_GUEST_STATE = 8 * 1024 * 1024;
const UNFINISHED = '.unfinished-';
const [PROTECTOR, GUEST_STATE, VTPM] = ['protector.xml', 'guest-state.bin', 'vtpm'] as const;

/** A protector and the guest state sealed under its transport key. */
export interface Pair {
  readonly generation: bigint;
  readonly protector: Uint8Array;
  readonly guestState: Uint8Array;
}

/** Numbers of complete generations, the newest first: a folder appears under its number once it is whole and on the disk. */
export async function generationsOf(folder: string): Promise<readonly bigint[]> {
  const names = await withPinned(folder, [GENERATIONS], (path) => readdir(path)).catch(orNone);
  return names.flatMap((name) => numberIn(name) ?? []).toSorted((a, b) => (a < b ? 1 : -1));
}

/** `vm-state-unreadable`: a file is missing, too long, or open to other users. */
export async function readPair(
  folder: string,
  generation: bigint,
): Promise<Result<Pair, Fault<'vm-state-unreadable'>>> {
  const own = [GENERATIONS, numbered(generation)];
  return withPinned(folder, own, async (path) => {
    // What is held open has a name of this process alone: told is where it lies.
    const unreadable = ({ code, detail }: Fault) => {
      const told = detail.replaceAll(path, join(folder, ...own));
      return fail('vm-state-unreadable', told, { cause: { code, detail: told } });
    };
    const protector = await readPrivateFile(join(path, PROTECTOR), { maxBytes: MAX_PROTECTOR });
    if (!protector.ok) return unreadable(protector.fault);
    const guestState = await readPrivateFile(join(path, GUEST_STATE), { maxBytes: MAX_GUEST_STATE });
    if (!guestState.ok) return unreadable(guestState.fault);
    const bytes = (of: typeof protector.value) => of.use((content) => Uint8Array.from(content));
    return ok({ generation, protector: bytes(protector.value), guestState: bytes(guestState.value) });
  });
}

/** The next generation, whole or not at all: the new pair, and a vTPM's state as it is in the folder `vtpmFrom`. */
export async function addGeneration(folder: string, next: Pair & { readonly vtpmFrom: string }): Promise<void> {
  await withPinned(folder, [], (path) => makeFolder(join(path, GENERATIONS)));
  await withPinned(folder, [GENERATIONS], async (path) => {
    await removeUnfinished(path);
    const staging = `${UNFINISHED}${toHex(crypto.random(8))}`;
    await mkdir(join(path, staging), { mode: 0o700 });
    await withPinned(path, [staging], async (own) => {
      expectOk(await writePrivateFile(join(own, PROTECTOR), next.protector));
      expectOk(await writePrivateFile(join(own, GUEST_STATE), next.guestState));
      await copyVtpm(next.vtpmFrom, join(own, VTPM));
      await syncFolder(own);
    });
    await rename(join(path, staging), join(path, numbered(next.generation)));
    await syncFolder(path);
  });
}

/** Removes one that never ran. */
export async function removeGeneration(folder: string, generation: bigint): Promise<void> {
  await withPinned(folder, [GENERATIONS], async (path) => {
    await rm(join(path, numbered(generation)), { recursive: true, force: true });
    await syncFolder(path);
  });
}

/** Removes all generations but these. */
export async function keepGenerations(folder: string, kept: readonly bigint[]): Promise<void> {
  const all = await generationsOf(folder);
  await withPinned(folder, [GENERATIONS], async (path) => {
    for (const old of all.filter((each) => !kept.includes(each)))
      await rm(join(path, numbered(old)), { recursive: true, force: true });
    await syncFolder(path);
  });
}

/** Seals the state of a running generation anew. The file is whole at any moment. */
export async function replaceGuestState(folder: string, generation: bigint, guestState: Uint8Array): Promise<void> {
  await withPinned(folder, [GENERATIONS, numbered(generation)], async (path) => {
    expectOk(await writePrivateFile(join(path, GUEST_STATE), guestState, { replace: true }));
  });
}

/** The folder of a generation's vTPM, for the time of `work`. */
export function withVtpmFolder<T>(folder: string, generation: bigint, work: (path: string) => Promise<T>): Promise<T> {
  // Not the link that a pinned path is, but what it leads to: its owner is changed for swtpm.
  return withPinned(folder, [GENERATIONS, numbered(generation), VTPM], (path) => work(`${path}/.`));
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
async function removeUnfinished(path: string): Promise<void> {
  for (const name of await readdir(path))
    if (name.startsWith(UNFINISHED)) await rm(join(path, name), { recursive: true, force: true });
}

function orNone(error: unknown): string[] {
  if (codeOf(error) === 'ENOENT') return [];
  throw error;
}
