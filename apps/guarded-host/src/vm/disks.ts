import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { codeOf } from '@sekimori/service-kit/program';
import type { VmDisk } from './definition/schema.ts';
import { diskPath } from './folder/layout.ts';
import { withPinned } from './folder/pinned.ts';

/** A disk's path; the schema's reader let no other pass. */
export function placeOf(folder: string, { file }: VmDisk): string {
  const path = diskPath(folder, file);
  if (path === undefined) throw new Error('a definition that was read has no disk elsewhere');
  return path;
}

type DiskFault = Fault<'vm-disk-missing' | 'vm-disk-unsafe'>;

/**
 * Opens a disk for QEMU, which gets the descriptor and no path. `vm-disk-missing`; `vm-disk-unsafe`: a link, a file that has another name
 * too, or neither a file nor a block device. Whether the host gives away this device is for its settings to say.
 */
export async function openDisk(folder: string, disk: VmDisk): Promise<Result<FileHandle, DiskFault>> {
  const access = (disk.mode === 'boot' ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK;
  try {
    // Names of devices are links as a rule. In a folder that others write to, a link could lead anywhere.
    if (isAbsolute(disk.file))
      return await checked(placeOf(folder, disk), await open(disk.file, access), constants.S_IFBLK);
    return await inItsFolder(folder, disk, async (path) =>
      checked(path, await open(path, access | constants.O_NOFOLLOW), constants.S_IFREG),
    );
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return fail('vm-disk-missing', `there is no ${placeOf(folder, disk)}`);
    if (code === 'ELOOP' || code === 'ENOTDIR')
      return fail('vm-disk-unsafe', `${placeOf(folder, disk)} is behind a link`);
    throw error;
  }
}

/** For programs that take a path: looked at as for QEMU, and in the very folder where it was looked at. */
export async function withDisk<T, F extends Fault>(
  folder: string,
  disk: VmDisk,
  work: (path: string) => Promise<Result<T, F>>,
): Promise<Result<T, F | DiskFault>> {
  const opened = await openDisk(folder, disk);
  if (!opened.ok) return opened;
  await opened.value.close();
  return isAbsolute(disk.file) ? work(placeOf(folder, disk)) : inItsFolder(folder, disk, work);
}

function inItsFolder<T>(folder: string, disk: VmDisk, work: (path: string) => Promise<T>): Promise<T> {
  const inside = relative(folder, placeOf(folder, disk));
  const parents = dirname(inside) === '.' ? [] : dirname(inside).split('/');
  return withPinned(folder, parents, (path) => work(join(path, basename(inside))));
}

async function checked(path: string, handle: FileHandle, wanted: number): Promise<Result<FileHandle, DiskFault>> {
  const { mode, nlink } = await handle.stat();
  const isWanted = (mode & constants.S_IFMT) === wanted;
  if (isWanted && (wanted === constants.S_IFBLK || nlink === 1)) return ok(handle);
  await handle.close();
  const what = wanted === constants.S_IFBLK ? 'block device' : 'file';
  return fail('vm-disk-unsafe', isWanted ? `${path} has another name too` : `${path} is not a ${what}`);
}
