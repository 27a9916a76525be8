import { open } from 'node:fs/promises';
import { MAX_FRAME, type TpmTransport } from '@sekimori/tpm2';
import { type Exchange, serialTransport, type TransportOptions } from './serial.ts';

/**
 * A TPM character device of Linux. `/dev/tpmrm0` has the kernel's resource manager: objects and sessions are this file
 * descriptor's own and are gone when it closes. `/dev/tpm0` is the bare TPM, for one user at a time.
 */
export async function openLinuxTpm(path = '/dev/tpmrm0', options: TransportOptions = {}): Promise<TpmTransport> {
  return serialTransport(deviceExchange(await open(path, 'r+')), options);
}

/** What is used of a file: one write is one command, one read is one response. */
interface Device {
  write(bytes: Uint8Array, offset: number, length: number, position: null): Promise<{ readonly bytesWritten: number }>;
  read(buffer: Uint8Array, offset: number, length: number, position: null): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

export function deviceExchange(device: Device): Exchange {
  let running: Promise<unknown> = Promise.resolve();
  async function exchange(command: Uint8Array): Promise<Uint8Array> {
    const { bytesWritten } = await device.write(command, 0, command.length, null);
    if (bytesWritten !== command.length) throw new Error('the device took a part of the command');
    // One byte more than any response may have, so that a longer one shows.
    const buffer = new Uint8Array(MAX_FRAME + 1);
    const { bytesRead } = await device.read(buffer, 0, buffer.length, null);
    if (bytesRead > MAX_FRAME) throw new Error('the device gave more than a response');
    return buffer.subarray(0, bytesRead);
  }
  return {
    exchange: (command) => {
      const answer = exchange(command);
      running = answer.catch(() => {});
      return answer;
    },
    // A system call under way cannot be called back: the descriptor is closed after it, so its number is not reused under it.
    close: async () => {
      void running.then(() => device.close()).catch(() => {});
    },
  };
}
