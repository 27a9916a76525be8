import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { type Fault, type Result, fail, ok } from '@sekimori/result';

const OTHERS = 0o077;

/**
 * A file that its owner alone may read, from birth; written whole or not at all, and durable when answered. Refuses with
 * `file-exists` unless `replace` is set; of two writers at once one wins. Rejects when the disk does.
 */
export async function writePrivateFile(
  path: string,
  content: Secret | Uint8Array,
  options: { readonly replace?: boolean } = {},
): Promise<Result<void, Fault<'file-exists'>>> {
  const folder = dirname(path);
  const temporary = join(folder, `${TEMPORARY}${toHex(nodeCrypto.random(8))}`);
  try {
    const file = await open(temporary, 'wx', 0o600); // O_EXCL: never follows or reuses what lies there
    try {
      await (content instanceof Secret ? content.use((bytes) => file.writeFile(bytes)) : file.writeFile(content));
      await file.sync();
    } finally {
      await file.close();
    }
    if (options.replace) await rename(temporary, path);
    else await link(temporary, path); // unlike rename, refuses a name that is taken
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    if (codeOf(error) === 'EEXIST') return fail('file-exists', `${path} is there already`);
    throw error;
  }
  if (!options.replace) await unlink(temporary);
  await syncFolder(folder);
  return ok(undefined);
}

/** Names that start so are unfinished files, left behind by a crash. */
const TEMPORARY = '.unfinished-';

/**
 * The content, when nobody else could have read it. Faults: `no-such-file`; `unsafe-file` for a link, for what is no
 * regular file, belongs to another user, or is open to group or others; `file-too-large`.
 */
export async function readPrivateFile(
  path: string,
  options: { readonly maxBytes?: number } = {},
): Promise<Result<Secret, Fault<'no-such-file' | 'unsafe-file' | 'file-too-large'>>> {
  const { maxBytes = 64 * 1024 } = options;
  let file: FileHandle;
  try {
    // Not blocking: a pipe in place of the file must not hold us up.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return fail('no-such-file', `there is no file ${path}`);
    if (codeOf(error) === 'ELOOP') return fail('unsafe-file', `${path} is a symbolic link`);
    throw error;
  }
  try {
    const { mode, uid, size } = await file.stat(); // of what was opened, not of what the name means by now
    if (!isFile(mode)) return fail('unsafe-file', `${path} is not a regular file`);
    if ((mode & OTHERS) !== 0) return fail('unsafe-file', `${path} is open to other users: 'chmod 600 ${path}'`);
    if (!isOwn(uid)) return fail('unsafe-file', `${path} belongs to another user`);
    if (size > maxBytes) return fail('file-too-large', `${path} has more than ${maxBytes} bytes`);
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await file.read(bytes, 0, size, 0);
    const content = new Secret(bytes.subarray(0, bytesRead));
    bytes.fill(0);
    return ok(content);
  } finally {
    await file.close();
  }
}

/** Makes the folder (0700) and what is missing above it, durably; `unsafe-folder` when it is there and not its owner's alone. */
export async function privateFolder(path: string): Promise<Result<void, Fault<'unsafe-folder'>>> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 }); // undefined where nothing was missing
  if (first !== undefined) await syncNames(resolve(path), resolve(first));
  const { mode, uid } = await lstat(path);
  if ((mode & constants.S_IFMT) !== constants.S_IFDIR) return fail('unsafe-folder', `${path} is not a folder`);
  if ((mode & OTHERS) !== 0) return fail('unsafe-folder', `${path} is open to other users: 'chmod 700 ${path}'`);
  if (!isOwn(uid)) return fail('unsafe-folder', `${path} belongs to another user`);
  return ok(undefined);
}

/** Of a new folder, and of those above it up to the first that is new. */
async function syncNames(path: string, first: string): Promise<void> {
  await syncFolder(dirname(path));
  if (path.length > first.length) await syncNames(dirname(path), first);
}

/** After this the names in a folder survive a loss of power. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Of a system call that failed, for example 'ENOENT'. */
export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}

function isFile(mode: number): boolean {
  return (mode & constants.S_IFMT) === constants.S_IFREG;
}

function isOwn(uid: number): boolean {
  return process.getuid === undefined || uid === process.getuid();
}
