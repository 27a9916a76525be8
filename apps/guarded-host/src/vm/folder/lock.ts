import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { vmPaths } from './layout.ts';

/** A lock of the storage that lives as long as anybody has its descriptor: the agent, and every process that inherits it. */
export interface StorageLock {
  readonly fd: number;
  /** Others that inherited it go on holding it. */
  release(): Promise<void>;
}

/**
 * flock(2) on the VM's lock file, or undefined where somebody holds it. QEMU and swtpm inherit the descriptor, so the lock ends with
 * the last of them, however the agent ended. On NFS the server keeps it, and takes it from a host that it has lost.
 */
export async function takeStorageLock(folder: string): Promise<StorageLock | undefined> {
  const file = await open(vmPaths(folder).lock, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  if (await locks(file)) return { fd: file.fd, release: () => file.close() };
  await file.close();
  return undefined;
}

/** util-linux's flock locks the open file description that it shares with us: Node has no call for it. */
async function locks(file: FileHandle): Promise<boolean> {
  const child = spawn('flock', ['--nonblock', '--exclusive', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file.fd],
    env: {},
  });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status === 0) return true;
  if (status === 1) return false;
  throw new Error(`flock ended with status ${status}: does the VM's storage support locks?`);
}
