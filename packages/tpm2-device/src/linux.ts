import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { MAX_FRAME, type TpmTransport } from '@sekimori/tpm2';
import { TpmDeviceError } from './device-error.ts';
import { type Exchange, serialTransport, type TransportOptions } from './serial.ts';
import { checkResponse } from './stream.ts';

/**
 * A TPM character device of Linux. `/dev/tpmrm0` has the kernel's resource manager: objects and sessions are this file
 * descriptor's own and are gone when it closes. `/dev/tpm0` is the bare TPM, for one user at a time. Rejects with a
 * `TpmDeviceError`. Linux lets nobody choose a locality, and has no way to cancel a command of a TPM 2.0: an aborted command closes the
 * transport, and the descriptor once the TPM has answered.
 */
export async function openLinuxTpm(path = '/dev/tpmrm0', options: TransportOptions = {}): Promise<TpmTransport> {
  if (process.platform !== 'linux')
    throw new TpmDeviceError('platform', `TPM devices are opened on Linux, and this is ${process.platform}`);
  return serialTransport(deviceExchange(await openDevice(path)), options);
}

async function openDevice(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    // Without O_CREAT, and not as a terminal that would become ours.
    file = await open(path, constants.O_RDWR | constants.O_NOCTTY);
  } catch (error) {
    throw deviceError(path, error as NodeJS.ErrnoException);
  }
  // A command written to a file would damage it.
  if ((await file.stat()).isCharacterDevice()) return file;
  await file.close();
  throw new TpmDeviceError('no-device', `${path} is no device`);
}

/** What opening failed with, in words. */
export function deviceError(path: string, error: NodeJS.ErrnoException): TpmDeviceError {
  const whose = path.includes('tpmrm') ? "group 'tss'" : "user 'tss' alone; group 'tss' may use /dev/tpmrm0";
  switch (error.code) {
    case 'ENOENT':
    case 'ENXIO':
    case 'ENODEV':
      return new TpmDeviceError(
        'missing',
        `there is no ${path}: this machine has no TPM 2.0, or it is off in the firmware, or the kernel has no driver for it`,
        error,
      );
    case 'EBUSY':
      return new TpmDeviceError(
        'busy',
        `${path} is in use, and takes one program at a time: end the other one, or use /dev/tpmrm0`,
        error,
      );
    case 'EACCES':
    case 'EPERM':
      return new TpmDeviceError('denied', `this user may not use ${path}: it is usually for ${whose}`, error);
    case 'EISDIR':
    case 'ENOTDIR':
      return new TpmDeviceError('no-device', `${path} is no device`, error);
    default:
      return new TpmDeviceError('other', `cannot open ${path}: ${error.message}`, error);
  }
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
    const response = buffer.subarray(0, bytesRead);
    checkResponse(response, bytesRead);
    return response;
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
