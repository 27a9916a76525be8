import { constants } from 'node:fs';
import { type FileHandle, open, readFile, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { fail, type Fault, ok, type Result } from '@sekimori/result';

const TMPFS_MAGIC = 0x01021994;
const MEMORY_FOLDERS = ['/dev/shm', '/run'] as const;

/**
 * A file that is in memory alone and has no name: it goes with the last descriptor. For what a program wants as a file, and no disk may
 * see. `no-memory-folder`: this machine has no tmpfs in its usual places.
 */
export async function memoryFile(content: Uint8Array): Promise<Result<FileHandle, Fault<'no-memory-folder'>>> {
  for (const folder of MEMORY_FOLDERS) {
    const isMemory = await statfs(folder).then(
      ({ type }) => type === TMPFS_MAGIC,
      () => false,
    );
    if (!isMemory) continue;
    const path = join(folder, `.sekimori-${toHex(crypto.random(16))}`);
    const file = await open(
      path,
      constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    await unlink(path);
    await file.write(content, 0, content.length, 0);
    return ok(file);
  }
  return fail('no-memory-folder', `none of ${MEMORY_FOLDERS.join(', ')} is a tmpfs`);
}

/** The whole content, wherever the file offset is. */
export async function contentOf(file: FileHandle, maxBytes: number): Promise<Uint8Array> {
  const { size } = await file.stat();
  if (size > maxBytes) throw new Error(`${size} bytes, at most ${maxBytes}`);
  const content = new Uint8Array(size);
  await file.read(content, 0, size, 0);
  return content;
}

/** Whether what programs hold in memory may be written to a swap device: it may not where there is none, or the cgroup has none. */
export async function mayBeSwapped(): Promise<boolean> {
  const swaps = await readFile('/proc/swaps', 'utf8').catch(() => '');
  if (swaps.trim().split('\n').length <= 1) return false;
  const own = (await readFile('/proc/self/cgroup', 'utf8').catch(() => ''))
    .split('\n')
    .find((line) => line.startsWith('0::'));
  if (own === undefined) return true;
  const limit = await readFile(join('/sys/fs/cgroup', own.slice(3), 'memory.swap.max'), 'utf8').catch(() => 'max');
  return limit.trim() !== '0';
}

const CAP_SYS_RESOURCE = 24n;

/**
 * Whether QEMU can lock all of its memory: it gives up root, so its limit must be raised before. Where it cannot, `mayBeSwapped` still
 * keeps shielded VMs from a host that swaps.
 */
export async function canLockMemory(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const [limits, status] = await Promise.all([
    readFile('/proc/self/limits', 'utf8'),
    readFile('/proc/self/status', 'utf8'),
  ]);
  if (/^Max locked memory\s+\S+\s+unlimited\s/m.test(limits)) return true;
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}
