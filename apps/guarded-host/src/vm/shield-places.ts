import { lstat, realpath, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join, sep } from 'node:path';
import { utf8 } from '@sekimori/bytes';
import { expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import { codeOf, readJson, readPrivateFile, writePrivateFile } from '@sekimori/service-kit/program';
import type { VmDisk } from './definition/schema.ts';
import { placeOf } from './disks.ts';
import { vmPaths } from './folder/layout.ts';

/** Where a disk grows: beside its place, so that it gets there by renaming. */
export function staged(folder: string, disk: VmDisk): string {
  return `${placeOf(folder, disk)}.shielding`;
}

/**
 * Makes sure that the disks' places are free. What an earlier try left there is removed, and nothing else: no file that is not the very one
 * it wrote down in its folder. `vm-disk-exists`, `vm-disk-device`, `vm-disk-unsafe`, with nothing changed.
 */
export async function freePlaces(
  folder: string,
  disks: readonly VmDisk[],
): Promise<Result<void, Fault<'vm-disk-exists' | 'vm-disk-device' | 'vm-disk-unsafe'>>> {
  for (const disk of disks) {
    if (isAbsolute(disk.file)) return fail('vm-disk-device', `the disk ${disk.name} is ${disk.file}`);
    const [own, parent] = [await realpath(folder), await realpath(dirname(placeOf(folder, disk)))];
    if (!`${parent}${sep}`.startsWith(`${own}${sep}`))
      return fail('vm-disk-unsafe', `${placeOf(folder, disk)} is not in the VM's folder`);
  }
  const before = await placedBefore(folder);
  const left: string[] = [];
  for (const disk of disks) {
    const target = placeOf(folder, disk);
    const inode = await inodeOf(target);
    if (inode === undefined) continue;
    if (inode === NO_FILE || before[disk.name] !== inode)
      return fail('vm-disk-exists', `${target} is there already, and it was not changed`);
    left.push(target);
  }
  for (const path of [...left, ...disks.map((disk) => staged(folder, disk))]) await rm(path, { force: true });
  await rm(vmPaths(folder).shielding, { recursive: true, force: true }); // last: it says what may be removed
  return ok(undefined);
}

/** Before the staged disks are renamed: a crash after that leaves files that the next try knows. */
export async function notePlaced(folder: string, disks: readonly VmDisk[]): Promise<void> {
  const inodes: Record<string, string> = {};
  for (const disk of disks) inodes[disk.name] = (await inodeOf(staged(folder, disk))) ?? '';
  expectOk(await writePrivateFile(placedFile(folder), utf8(JSON.stringify(inodes))));
}

const placedFile = (folder: string) => join(vmPaths(folder).shielding, 'placed');

/** Inodes by the names of disks: they stay the same under another name. */
async function placedBefore(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const file = await readPrivateFile(placedFile(folder));
  const read = file.ok ? file.value.use(readJson) : file;
  return read.ok && typeof read.value === 'object' && read.value !== null ? { ...read.value } : {};
}

const NO_FILE = 'no file';

/** Undefined where nothing is. */
async function inodeOf(path: string): Promise<string | undefined> {
  try {
    const found = await lstat(path, { bigint: true });
    return found.isFile() ? `${found.ino}` : NO_FILE;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
