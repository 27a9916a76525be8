import { constants } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Secret } from '@sekimori/crypto-core';
import { runProgram } from './tools.ts';

const POLL_MILLIS = 1;

/** One FIFO a secret: the bytes go from our memory to the reader's, and at no time lie in a file, an argument or the environment. */
export interface SecretFifos {
  /** By id. */
  readonly files: ReadonlyMap<string, string>;
  /** Writes each secret once its reader is there. Resolves when all are written, or `ended` has. */
  feed(ended: Promise<unknown>): Promise<void>;
  remove(): Promise<void>;
}

/**
 * In `folder`, which must be closed to others. Not an inherited pipe: Node has no call that makes one, and QEMU cannot open the sockets
 * that it makes instead. A FIFO opened anew through /proc/self/fd would wait for a writer that has gone.
 */
export async function secretFifos(folder: string, secrets: ReadonlyMap<string, Secret>): Promise<SecretFifos> {
  const files = new Map([...secrets.keys()].map((id) => [id, join(folder, `secret-${id}`)]));
  const remove = async () => {
    for (const file of files.values()) await rm(file, { force: true });
  };
  await remove(); // an earlier start may have been cut short; there is nothing in a FIFO that nobody holds
  if (files.size > 0) {
    const { status, stderr } = await runProgram('mkfifo', ['-m', '600', '--', ...files.values()]);
    if (status !== 0) throw new Error(`mkfifo: ${stderr}`);
  }
  return {
    files,
    remove,
    feed: async (ended) => {
      let gone = false;
      const stop = () => (gone = true);
      ended.then(stop, stop);
      const each = [...files].map(([id, file]) => feedOne(file, secrets.get(id), () => gone));
      await Promise.all(each);
    },
  };
}

/** `work` has a program read the secrets, in their order, from FIFOs that are gone afterwards. The secrets are wiped. */
export async function withSecretFiles<T>(
  secrets: readonly Secret[],
  work: (files: readonly string[]) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'luks-'));
  try {
    const fifos = await secretFifos(folder, new Map(secrets.map((secret, index) => [`${index}`, secret])));
    const working = work([...fifos.files.values()]);
    const [outcome] = await Promise.all([working, fifos.feed(working)]);
    return outcome;
  } finally {
    for (const secret of secrets) secret.wipe();
    await rm(folder, { recursive: true, force: true });
  }
}

async function feedOne(path: string, secret: Secret | undefined, gone: () => boolean): Promise<void> {
  while (!gone()) {
    // Not blocking: refused with ENXIO until somebody reads.
    const file = await open(path, constants.O_WRONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENXIO') throw error;
      return undefined;
    });
    if (file) {
      // Less than PIPE_BUF, so it is written at once and whole.
      await secret?.use((bytes) => file.write(bytes)).catch(() => undefined); // the reader died: it will be noticed
      return file.close();
    }
    await sleep(POLL_MILLIS);
  }
}
