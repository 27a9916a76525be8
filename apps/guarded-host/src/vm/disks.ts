import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, sep } from 'node:path';
import { fail, ok, type Result } from '@sekimori/result';
import type { VmDisk } from './definition/schema.ts';
import { diskPath } from './folder/layout.ts';

/** A disk's path; the schema's reader let no other pass. */
export function placeOf(folder: string, { file }: VmDisk): string {
  const path = diskPath(folder, file);
  if (path === undefined) throw new Error('a definition that was read has no disk elsewhere');
  return path;
}

/**
 * Opens a disk for QEMU, which gets the descriptor and no path. `vm-disk-missing`; `vm-disk-unsafe`: a link out of the VM's folder, or
 * neither a file nor a block device.
 */
export async function openDisk(folder: string, disk: VmDisk): Promise<Result<FileHandle>> {
  const path = placeOf(folder, disk);
  const access = disk.mode === 'boot' ? constants.O_RDONLY : constants.O_RDWR;
  // Names of devices are links as a rule; in a folder that others write to, a link could lead anywhere.
  const links = isAbsolute(disk.file) ? 0 : constants.O_NOFOLLOW;
  let handle: FileHandle;
  try {
    if (
      !isAbsolute(disk.file) &&
      !`${await realpath(dirname(path))}${sep}`.startsWith(`${await realpath(folder)}${sep}`)
    )
      return fail('vm-disk-unsafe', `${path} is not in the VM's folder`);
    handle = await open(path, access | links | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as { readonly code?: string }).code;
    if (code === 'ENOENT') return fail('vm-disk-missing', `there is no ${path}`);
    if (code === 'ELOOP') return fail('vm-disk-unsafe', `${path} is a link`);
    throw error;
  }
  const { mode } = await handle.stat();
  const kind = mode & constants.S_IFMT;
  const wanted = isAbsolute(disk.file) ? constants.S_IFBLK : constants.S_IFREG;
  if (kind === wanted) return ok(handle);
  await handle.close();
  return fail('vm-disk-unsafe', `${path} is not a ${isAbsolute(disk.file) ? 'block device' : 'file'}`);
}
