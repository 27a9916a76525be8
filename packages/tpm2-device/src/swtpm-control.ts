import { concat, u32be } from '@sekimori/bytes';
import { connected } from './socket.ts';

/** swtpm's control channel: command u32 and payload, answered by a result u32, big-endian; 0 is success. */
const CMD_INIT = 2;
const CMD_SHUTDOWN = 3;
const CMD_GET_STATEBLOB = 12;
const CMD_SET_STATEBLOB = 13;
const PERMANENT = 1;
const DECRYPTED = 1;
/** What swtpm keeps of a TPM has a few kilobytes. */
const MAX_STATE = 1024 * 1024;
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
  const result = await request(controlPath, frame(CMD_INIT, 0));
  if (result !== 0) throw new SwtpmStateError(`swtpm cannot use its state (0x${result.toString(16)})`);
}

/** Ends the process. */
export async function shutDownSwtpm(controlPath: string): Promise<void> {
  const result = await request(controlPath, frame(CMD_SHUTDOWN));
  if (result !== 0) throw new Error(`swtpm answered 0x${result.toString(16)} to its shutdown`);
}

/** The permanent state of a TPM that runs, decrypted: whoever has it has the TPM. The caller wipes it. */
export async function readSwtpmState(controlPath: string): Promise<Uint8Array> {
  const answer = await exchange(controlPath, frame(CMD_GET_STATEBLOB, DECRYPTED, PERMANENT, 0), (held) => {
    if (held.byteLength < 4 || held.getUint32(0) !== 0) return 4;
    if (held.byteLength < 16) return 16;
    const [total, length] = [held.getUint32(8), held.getUint32(12)];
    if (total !== length || length > MAX_STATE) throw new Error('swtpm gives its state in parts');
    return 16 + length;
  });
  const result = new DataView(answer.buffer, answer.byteOffset).getUint32(0);
  if (result !== 0) throw new SwtpmStateError(`swtpm does not give its state (0x${result.toString(16)})`);
  return answer.subarray(16);
}

/** Hands a permanent state to a swtpm that was not powered on yet; `initializeSwtpm` then writes it, under this swtpm's own key. */
export async function writeSwtpmState(controlPath: string, state: Uint8Array): Promise<void> {
  const command = concat(frame(CMD_SET_STATEBLOB, 0, PERMANENT, state.length), state);
  try {
    const result = await request(controlPath, command);
    if (result !== 0) throw new SwtpmStateError(`swtpm does not take the state (0x${result.toString(16)})`);
  } finally {
    command.fill(0);
  }
}

/** A command, or its beginning, of nothing but u32. */
const frame = (...values: readonly number[]) => concat(...values.map(u32be));

async function request(path: string, command: Uint8Array): Promise<number> {
  const answer = await exchange(path, command, () => 4);
  return new DataView(answer.buffer, answer.byteOffset).getUint32(0);
}

/** One command and its answer. `lengthOf` tells how long that is, as far as what has come says. */
async function exchange(path: string, command: Uint8Array, lengthOf: (held: DataView) => number): Promise<Uint8Array> {
  const socket = await connected({ path });
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      let held = new Uint8Array(0);
      socket.setTimeout(ANSWER_TIMEOUT_MILLIS, () => reject(new Error('swtpm did not answer on its control channel')));
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('swtpm closed its control channel')));
      socket.on('data', (chunk: Uint8Array) => {
        const longer = concat(held, chunk);
        for (const old of [held, chunk]) old.fill(0);
        held = longer;
        try {
          const length = lengthOf(new DataView(held.buffer));
          if (held.length >= length) resolve(held.subarray(0, length));
        } catch (error) {
          reject(error);
        }
      });
      socket.write(command);
    });
  } finally {
    socket.destroy();
  }
}
