import { concat, u32be } from '@sekimori/bytes';
import { connected, type SocketAddress } from './socket.ts';

/** swtpm's control channel: command u32 and payload, answered by a result u32, big-endian; 0 is success. */
const CMD_GET_CAPABILITY = 1;
const CMD_INIT = 2;
const CMD_SHUTDOWN = 3;
const CMD_SET_LOCALITY = 5;
const CMD_CANCEL_TPM_CMD = 9;
const CMD_GET_STATEBLOB = 12;
const CMD_SET_STATEBLOB = 13;
const CMD_STOP = 14;
const PERMANENT = 1;
const DECRYPTED = 1;
/** What swtpm keeps of a TPM has a few kilobytes. */
const MAX_STATE = 1024 * 1024;
const ANSWER_TIMEOUT_MILLIS = 10_000;
const SILENCE =
  'swtpm did not answer on its control channel: another client may hold it, or this is the channel of the commands';

/** swtpm runs, but its state does not open: another key than it was written with, or a damaged file. */
export class SwtpmStateError extends Error {
  override readonly name = 'SwtpmStateError';
}

/**
 * Power on, or off and on again: the state is read from its folder, volatile state is lost. TPM2_Startup is due after it.
 * Rejects with a `SwtpmStateError` where the state does not open.
 */
export async function initializeSwtpm(control: SocketAddress): Promise<void> {
  const result = await request(control, frame(CMD_INIT, 0));
  if (result !== 0) throw new SwtpmStateError(`swtpm cannot use its state (0x${result.toString(16)})`);
}

/** Ends the process. */
export async function shutDownSwtpm(control: SocketAddress): Promise<void> {
  const result = await request(control, frame(CMD_SHUTDOWN));
  if (result !== 0) throw new Error(`swtpm answered 0x${result.toString(16)} to its shutdown`);
}

/** Power off: no command is answered until `initializeSwtpm`. */
export async function stopSwtpm(control: SocketAddress): Promise<void> {
  const result = await request(control, frame(CMD_STOP));
  if (result !== 0) throw new Error(`swtpm answered 0x${result.toString(16)} to its power-off`);
}

/** The permanent state of a TPM that runs, decrypted: whoever has it has the TPM. The caller wipes it. */
export async function readSwtpmState(control: SocketAddress): Promise<Uint8Array> {
  const answer = await exchange(control, frame(CMD_GET_STATEBLOB, DECRYPTED, PERMANENT, 0), (held) => {
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
export async function writeSwtpmState(control: SocketAddress, state: Uint8Array): Promise<void> {
  const command = concat(frame(CMD_SET_STATEBLOB, 0, PERMANENT, state.length), state);
  try {
    const result = await request(control, command);
    if (result !== 0) throw new SwtpmStateError(`swtpm does not take the state (0x${result.toString(16)})`);
  } finally {
    command.fill(0);
  }
}

/** What a swtpm can be asked over its control channel: the bits of PTM_CAP. */
const FEATURES = { locality: 1 << 3, cancellation: 1 << 5 } as const;
export type SwtpmFeature = keyof typeof FEATURES;

/** CMD_GET_CAPABILITY. */
export async function swtpmFeatures(control: SocketAddress): Promise<ReadonlySet<SwtpmFeature>> {
  const answer = await exchange(control, frame(CMD_GET_CAPABILITY), (held) =>
    held.byteLength >= 4 && held.getUint32(0) !== 0 ? 4 : 8,
  );
  const view = new DataView(answer.buffer, answer.byteOffset);
  if (view.getUint32(0) !== 0)
    throw new Error(`swtpm does not tell its features (0x${view.getUint32(0).toString(16)})`);
  const names = Object.keys(FEATURES) as SwtpmFeature[];
  return new Set(names.filter((name) => (view.getUint32(4) & FEATURES[name]) !== 0));
}

/** The locality of all commands from now on, over whatever connection. Rejects where swtpm does not allow it. */
export async function setSwtpmLocality(control: SocketAddress, locality: number): Promise<void> {
  const result = await request(control, concat(frame(CMD_SET_LOCALITY), Uint8Array.of(locality)));
  if (result !== 0) throw new Error(`swtpm does not take commands of locality ${locality} (0x${result.toString(16)})`);
}

/** Asks the TPM to leave off. A swtpm that is at a command may answer this after it: 0.7.1 does. */
export async function cancelSwtpmCommand(control: SocketAddress, timeoutMillis: number): Promise<void> {
  const answer = await exchange(control, frame(CMD_CANCEL_TPM_CMD), () => 4, timeoutMillis);
  const result = new DataView(answer.buffer, answer.byteOffset).getUint32(0);
  if (result !== 0) throw new Error(`swtpm does not cancel (0x${result.toString(16)})`);
}

/** A command, or its beginning, of nothing but u32. */
const frame = (...values: readonly number[]) => concat(...values.map(u32be));

async function request(control: SocketAddress, command: Uint8Array): Promise<number> {
  const answer = await exchange(control, command, () => 4);
  return new DataView(answer.buffer, answer.byteOffset).getUint32(0);
}

/** One command and its answer. `lengthOf` tells how long that is, as far as what has come says. */
async function exchange(
  control: SocketAddress,
  command: Uint8Array,
  lengthOf: (held: DataView) => number,
  timeoutMillis = ANSWER_TIMEOUT_MILLIS,
): Promise<Uint8Array> {
  const socket = await connected(control);
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      let held = new Uint8Array(0);
      socket.setTimeout(timeoutMillis, () => reject(new Error(SILENCE)));
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
