import { connected } from './socket.ts';

/** swtpm's control channel: command u32 and payload, answered by a result u32, big-endian; 0 is success. */
const CMD_INIT = 2;
const CMD_SHUTDOWN = 3;
const ANSWER_TIMEOUT_MILLIS = 10_000;

/** Power on again, volatile state lost. TPM2_Startup is due after it. */
export function initializeSwtpm(controlPath: string): Promise<void> {
  return request(controlPath, CMD_INIT, Uint8Array.of(0, 0, 0, 0));
}

/** Ends the process. */
export function shutDownSwtpm(controlPath: string): Promise<void> {
  return request(controlPath, CMD_SHUTDOWN, new Uint8Array(0));
}

async function request(path: string, command: number, payload: Uint8Array): Promise<void> {
  const socket = await connected({ path });
  try {
    const result = await new Promise<number>((resolve, reject) => {
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
    if (result !== 0) throw new Error(`swtpm answered 0x${result.toString(16)} to control command ${command}`);
  } finally {
    socket.destroy();
  }
}
