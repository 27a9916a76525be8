import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/**
 * flock(2) on a file, which is made (0600) where it is not there: exclusive, for as long as its descriptor is open here or in a process
 * that inherited it, however that ends. Undefined where somebody holds it.
 */
export async function lockFile(path: string): Promise<FileHandle | undefined> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  if (await locks(path, file)) return file;
  await file.close();
  return undefined;
}

/** util-linux's flock locks the open file description that it shares with us: Node has no call for it. */
async function locks(path: string, file: FileHandle): Promise<boolean> {
  const child = spawn('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd], env: {} });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status === 0 || status === 1) return status === 0;
  throw new Error(`cannot lock ${path}: flock ended with status ${status}`);
}
