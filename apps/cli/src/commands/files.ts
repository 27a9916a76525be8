import { open } from 'node:fs/promises';
import { ok, type Result } from '@sekimori/result';
import { type CommandFault, refuse } from '../outcome.ts';

/** A file of anybody's, at most so long. Its size is not asked: files of the kernel say 0. */
export async function readBounded(path: string, maxBytes: number): Promise<Result<Uint8Array, CommandFault>> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
      length += bytesRead;
      if (length > maxBytes)
        return refuse('file-too-large', `${path} has more than ${maxBytes} bytes`, 'is it the file you mean?');
      if (bytesRead === 0) return ok(Uint8Array.from(bytes.subarray(0, length)));
    }
  } finally {
    await file.close();
  }
}
