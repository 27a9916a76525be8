import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Mount, parseMountinfo } from '../mountinfo.ts';
import { efiVariables } from './efi-variables.ts';
import type { BootEnvironment } from './environment.ts';
import { partitionTable } from './gpt.ts';
import type { Volume } from './volumes.ts';

/** Other places than those of the running system, for a system that is mounted elsewhere. */
export interface EnvironmentPlaces {
  /** In place of '/'. */
  readonly root?: string;
  /** The EFI system partition, instead of the mounted ones. */
  readonly esp?: string;
  /** Instead of sys/firmware/efi/efivars. */
  readonly efiVariables?: string;
  /** The disk that firmware boots from, or an image of it. */
  readonly disk?: string;
}

/** What the next boot is made from, as Linux shows it. What cannot be read is left out: then it is not known. */
export async function linuxEnvironment(places: EnvironmentPlaces = {}): Promise<BootEnvironment> {
  const root = places.root ?? '/';
  const volumes = places.esp === undefined ? await espVolumes(root) : [{ kind: 'esp', folder: places.esp } as const];
  const others = (['boot', 'root'] as const).map((kind) => ({
    kind,
    folder: kind === 'boot' ? join(root, 'boot') : root,
  }));
  const disks = places.disk === undefined ? await disksOf(volumes) : [places.disk];
  const tables = await Promise.all(disks.map((disk) => partitionTable(disk).catch(() => undefined)));
  return {
    volumes: [...volumes, ...others.filter(({ folder }) => volumes.every((volume) => volume.folder !== folder))],
    variables: await efiVariables(places.efiVariables ?? join(root, 'sys/firmware/efi/efivars')),
    commandLine: await readFile(join(root, 'proc/cmdline'), 'utf8').catch(() => undefined),
    partitionTables: tables.filter((table) => table !== undefined),
  };
}

/** Where Linux distributions mount the EFI system partition and XBOOTLDR. */
const MOUNT_POINTS = ['efi', 'boot/efi', 'boot'];

async function espVolumes(root: string): Promise<readonly (Volume & { readonly device?: string })[]> {
  const points = MOUNT_POINTS.map((point) => join(root, point));
  // An automounter mounts them when somebody looks.
  for (const point of points) await readdir(point).catch(() => []);
  if (root !== '/') {
    const named = await Promise.all(points.map(async (point) => ((await hasEfi(point)) ? [point] : [])));
    return named.flat().map((folder) => ({ kind: 'esp', folder }));
  }
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const partitions = await partitionNames();
  return fatMounts(mounts).map(({ folder, device }) => {
    const partition = partitions.get(device);
    return { kind: 'esp', folder, device, ...(partition !== undefined && { partition }) };
  });
}

async function hasEfi(folder: string): Promise<boolean> {
  return (await readdir(folder).catch((): string[] => [])).some((name) => name.toLowerCase() === 'efi');
}

/** File systems that firmware can read. */
export function fatMounts(mountinfo: string): readonly Pick<Mount, 'folder' | 'device'>[] {
  return parseMountinfo(mountinfo)
    .filter(({ type, top }) => type === 'vfat' && top === '/')
    .map(({ folder, device }) => ({ folder, device }));
}

const BY_PARTUUID = '/dev/disk/by-partuuid';

/** major:minor to PARTUUID, lower case. */
async function partitionNames(): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(BY_PARTUUID).catch((): string[] => []);
  const found = await Promise.all(
    names.map(async (name) => {
      const device = await stat(join(BY_PARTUUID, name)).then(
        ({ rdev }) => deviceNumber(rdev),
        () => '',
      );
      return [device, name.toLowerCase()] as const;
    }),
  );
  return new Map(found);
}

/** gnu_dev_major and gnu_dev_minor of glibc's makedev(3), for numbers of 32 bits. */
function deviceNumber(rdev: number): string {
  return `${(rdev >>> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >>> 12) & 0xfff00)}`;
}

/** The whole disks that these partitions are on: /sys/dev/block/8:1 is a link to …/sda/sda1. */
async function disksOf(volumes: readonly { readonly device?: string }[]): Promise<readonly string[]> {
  const disks = new Set<string>();
  for (const { device } of volumes) {
    if (device === undefined) continue;
    const partition = await realpath(join('/sys/dev/block', device)).catch(() => undefined);
    if (partition !== undefined) disks.add(join('/dev', basename(dirname(partition))));
  }
  return [...disks];
}
