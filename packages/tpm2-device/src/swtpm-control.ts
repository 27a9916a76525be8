import { connected } from './socket.ts';

/** swtpm's control channel: command u32 and payload, answered by a result u32, big-endian; 0 is success. */
const CMD_INIT = 2;
const CMD_SHUTDOWN = 3;
const ANSWER_TIMEOUT_MILLIS = 10_000;

/** swtpm runs, but its state does not open: another key than it was written with, or a damaged file. */
export class SwtpmStateError extends Error {
  override readonly name = 'SwtpmStateError';
}

/**
 * Power on, or off and on again: the state is read from its folder, volatile state is lost. TPM2_Startup is due after it.
 * Rejects with a `SwtpmStateError` where the state does not open.
 */
export async function initializeSwtpm(controlPath: string): Promise<void> {
  const result = await request(controlPath, CMD_INIT, Uint8Array.of(0, 0, 0, 0));
  if (result !== 0) throw new SwtpmStateError(`swtpm cannot use its state (0x${result.toString(16)})`);
}

/** Ends the process. */
export async function shutDownSwtpm(controlPath: string): Promise<void> {
  const result = await request(controlPath, CMD_SHUTDOWN, new Uint8Array(0));
  if (result !== 0) throw new Error(`swtpm answered 0x${result.toString(16)} to its shutdown`);
}

async function request(path: string, command: number, payload: Uint8Array): Promise<number> {
  const socket = await connected({ path });
  try {
    return await new Promise<number>((resolve, reject) => {
      const held: number[] = [];
      socket.setTimeout(ANSWER_TIMEOUT_MILLIS, () => reject(new Error('swtpm did not answer on its control channel')));
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('swtpm closed its control channel')));
      socket.on('data', (chunk: Uint8Array) => {
        held.push(...chunk.subarray(0, 4 - held.length));
        if (held.length === 4) resolve(new DataView(Uint8Array.from(held).buffer).getUint32(0));
      });
      socket.write(Uint8Array.of(0, 0, 0, command, ...payload));
    });
  } finally {
    socket.destroy();
  }
}
