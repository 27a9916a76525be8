import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { Secret } from '@sekimori/crypto-core';
import { ok, type Result } from '@sekimori/result';
import { diskFault, type GuestDiskFault } from './faults.ts';

/**
 * Node's pipes to a child are sockets, and cryptsetup opens key files by name, which a socket does not allow. So two
 * processes of cat stand between, whose pipes are pipes: the keys come in on 3 and 4, and cryptsetup finds them on 5 and 6.
 */
const THROUGH_PIPES =
  'cat <&4 4<&- | { exec 6<&0; cat <&3 3<&- | { exec 5<&0 0</dev/null 3<&- 4<&-; exec cryptsetup --batch-mode "$@"; }; }';
const FIRST_KEY_FD = 5;
const MAX_KEYS = 2;
/** JSON metadata of a LUKS2 header have 4 MiB at most. */
const MAX_OUTPUT = 8 * 1024 * 1024;
const TIMEOUT_MILLIS = 120_000;
/** Exit status of cryptsetup(8): no permission, that is a key that opens nothing. */
const WRONG_KEY = 2;

/** The file name under which cryptsetup finds the nth key that it was given. */
export function keyFile(nth: number): string {
  return `/dev/fd/${FIRST_KEY_FD + nth}`;
}

/**
 * Runs cryptsetup on a plain file, which takes neither root nor device-mapper. Keys go through pipes. Gives its standard output,
 * which may be secret: whoever asks for a key wipes it. `guest-disk-key` where a key opens nothing, else `guest-disk-failed`.
 */
export async function cryptsetup(
  args: readonly string[],
  options: { readonly keys?: readonly Secret[]; readonly input?: string } = {},
): Promise<Result<Uint8Array, GuestDiskFault>> {
  const { keys = [], input = '' } = options;
  if (keys.length > MAX_KEYS || (keys.length > 0 && input !== '')) throw new RangeError('two keys, or input');
  const [program, programArgs] =
    keys.length > 0 ? ['sh', ['-c', THROUGH_PIPES, 'sh', ...args]] : ['cryptsetup', ['--batch-mode', ...args]];
  const child = spawn(program, programArgs, {
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    timeout: TIMEOUT_MILLIS,
  });
  const [stdin, stdout, stderr, ...pipes] = child.stdio as [Writable, Readable, Readable, Writable, Writable];
  for (const [nth, pipe] of pipes.entries()) write(pipe, keys[nth] ?? '');
  write(stdin, input);
  const output = collect(stdout);
  const talk = collect(stderr);
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    if (status === 0) return ok(output());
    const said = new TextDecoder().decode(talk()).trim();
    output().fill(0);
    return status === WRONG_KEY
      ? diskFault('guest-disk-key', 'this key opens no keyslot')
      : diskFault('guest-disk-failed', `cryptsetup ${args[0]} (${status}): ${said}`);
  } catch (error) {
    return diskFault('guest-disk-failed', `cryptsetup: ${(error as Error).message}`);
  }
}

function write(pipe: Writable, content: Secret | string): void {
  pipe.on('error', () => {}); // it has ended already: its status says why
  if (typeof content === 'string') pipe.end(content);
  else content.use((bytes) => pipe.end(Uint8Array.from(bytes)));
}

function collect(stream: Readable): () => Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_OUTPUT) chunks.push(chunk);
    else stream.destroy();
  });
  return () => {
    const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks.splice(0)) {
      all.set(chunk, at);
      at += chunk.length;
      chunk.fill(0);
    }
    return all;
  };
}
