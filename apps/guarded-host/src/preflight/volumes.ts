import { open, readdir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { PE_LIMITS } from './pe.ts';

/** A file system that firmware or a boot loader reads, as it is mounted now. */
export interface Volume {
  readonly kind: 'esp' | 'boot' | 'root';
  /** Where it is mounted. */
  readonly folder: string;
  /** As /dev/disk/by-partuuid has it; undefined where nobody said it. */
  readonly partition?: string;
}

export type FileContent =
  | { readonly is: 'file'; readonly bytes: Uint8Array }
  | { readonly is: 'missing' }
  | { readonly is: 'unreadable'; readonly why: string };

const MISSING: FileContent = { is: 'missing' };

/** A file by the path that a loader has for it, with either slash. Never one outside the volume. */
export async function readFrom(volume: Volume, path: string): Promise<FileContent> {
  const found = await locate(volume, path);
  if (found === undefined) return MISSING;
  try {
    const root = await realpath(volume.folder);
    const real = await realpath(found);
    if (!real.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)) return unreadable(`${found} leads elsewhere`);
    const file = await open(real, 'r');
    try {
      const info = await file.stat();
      if (!info.isFile()) return unreadable(`${found} is not a file`);
      if (info.size > PE_LIMITS.bytes) return unreadable(`${found} has ${info.size} bytes`);
      return { is: 'file', bytes: new Uint8Array(await file.readFile()) };
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? MISSING : unreadable(message);
  }
}

/** Names in a folder, sorted; none where it is not there. */
export async function namesIn(volume: Volume, path: string): Promise<readonly string[]> {
  const found = await locate(volume, path);
  const names = found === undefined ? [] : await readdir(found).catch((): string[] => []);
  return names.toSorted((a, b) => (a < b ? -1 : 1));
}

/** FAT does not tell upper from lower case, so names of an ESP may be written otherwise than they were asked for. */
async function locate({ kind, folder }: Volume, path: string): Promise<string | undefined> {
  let at = folder;
  for (const part of path.split(/[/\\]+/)) {
    if (part === '' || part === '.') continue;
    if (part === '..' || part.includes('\0')) return undefined;
    const names = await readdir(at).catch((): string[] => []);
    const lower = part.toLowerCase();
    const name = names.includes(part)
      ? part
      : kind === 'esp'
        ? names.find((each) => each.toLowerCase() === lower)
        : undefined;
    if (name === undefined) return undefined;
    at = join(at, name);
  }
  return at;
}

function unreadable(why: string): FileContent {
  return { is: 'unreadable', why };
}
