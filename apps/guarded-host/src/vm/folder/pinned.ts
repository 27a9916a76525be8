import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { codeOf } from '@sekimori/service-kit/program';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * A folder below `folder`, held open for the time of `work`, which gets a path to it. The storage is not trusted: a link in place of a
 * folder is refused (ELOOP, ENOTDIR), and what is renamed meanwhile does not matter, as the path names what was opened. Programs that we
 * start can use it too.
 */
export async function withPinned<T>(
  folder: string,
  parts: readonly string[],
  work: (path: string) => Promise<T>,
): Promise<T> {
  const held: FileHandle[] = [];
  try {
    // A path from here is a link by nature, and leads to what is held.
    held.push(await open(folder, folder.startsWith(HELD) ? FOLDER & ~constants.O_NOFOLLOW : FOLDER));
    for (const part of parts) held.push(await open(`${pathOf(held.at(-1)!)}/${part}`, FOLDER));
    return await work(pathOf(held.at(-1)!));
  } finally {
    for (const each of held.toReversed()) await each.close();
  }
}

const HELD = `/proc/${process.pid}/fd/`;

/** proc(5): what the descriptor is of, whatever it is called by now. */
function pathOf(handle: FileHandle): string {
  return `${HELD}${handle.fd}`;
}

/** Makes it where there is nothing; what else is there is refused when it is opened. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
}
