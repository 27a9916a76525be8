import type { ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import { toHex } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';

// How swtpm and swtpm_setup get the key of the state: 64 hex digits through a pipe, which is empty once they are read.

const FD = 3;
const CIPHER = 'aes-256-cbc';
const KEY_BYTES = 32;

/** What to say on the command line, and where the descriptor stands. Throws for a key that is not of 32 bytes. */
export function stateKeyArguments(program: 'swtpm' | 'swtpm_setup', stateKey: Secret | undefined): readonly string[] {
  if (!stateKey) return [];
  if (stateKey.length !== KEY_BYTES) throw new RangeError(`a state key of ${stateKey.length} bytes`);
  return program === 'swtpm' ? ['--key', `fd=${FD},mode=${CIPHER}`] : ['--keyfile-fd', `${FD}`, '--cipher', CIPHER];
}

/** Descriptor 3 of the child. */
export function stateKeyPipe(stateKey: Secret | undefined): 'pipe' | 'ignore' {
  return stateKey ? 'pipe' : 'ignore';
}

/** Writes the key to descriptor 3 of a child that was started with a pipe there. */
export function sendStateKey(child: ChildProcess, stateKey: Secret | undefined): void {
  if (!stateKey) return;
  const pipe = child.stdio[FD] as Writable;
  pipe.on('error', () => {}); // a child that is gone already: whoever waits for it says so
  pipe.end(stateKey.use(toHex));
}
