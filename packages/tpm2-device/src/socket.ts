import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TpmTransport } from '@sekimori/tpm2';
import { TpmDeviceError } from './device-error.ts';
import { serialTransport, type TransportOptions } from './serial.ts';
import { BARE, streamExchange } from './stream.ts';

/** A UNIX socket or a TCP port. */
export type SocketAddress = { readonly path: string } | { readonly host: string; readonly port: number };

const CONNECT_TIMEOUT_MILLIS = 10_000;
const LISTEN_TIMEOUT_MILLIS = 10_000;
const LISTEN_POLL_MILLIS = 10;

/**
 * A TPM behind a stream that carries bare commands and responses, TCP or UNIX: swtpm's data socket, or a relay to a device. Nothing can
 * be cancelled over it: with swtpm's control socket at hand, see `openSwtpm`. Rejects with a `TpmDeviceError`. swtpm lets a second client
 * connect and answers it only after the first one has left: that shows as a command that is not answered in time.
 */
export async function openTpmSocket(address: SocketAddress, options: TransportOptions = {}): Promise<TpmTransport> {
  return serialTransport(streamExchange(await connected(address), BARE), options);
}

/** Connects, or rejects with a `TpmDeviceError` when that fails or takes longer than ten seconds. */
export function connected(address: SocketAddress): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...address, noDelay: true });
    const refuse = (error: NodeJS.ErrnoException) => {
      socket.destroy();
      reject(socketError(address, error));
    };
    socket.setTimeout(CONNECT_TIMEOUT_MILLIS, () => refuse(new Error('no connection in time')));
    socket.once('error', refuse);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', refuse);
      resolve(socket);
    });
  });
}

/** What connecting failed with, in words. */
export function socketError(address: SocketAddress, error: NodeJS.ErrnoException): TpmDeviceError {
  const place = 'path' in address ? address.path : `${address.host}:${address.port}`;
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new TpmDeviceError('missing', `nobody listens at ${place} (${error.code})`, error);
    case 'ENOTFOUND':
      return new TpmDeviceError('missing', `there is no host of this name: ${place} (${error.code})`, error);
    case 'EACCES':
    case 'EPERM':
      return new TpmDeviceError('denied', `this user may not use ${place} (${error.code})`, error);
    case 'ENOTSOCK':
    case 'ENOTDIR':
      return new TpmDeviceError('no-device', `${place} is no socket (${error.code})`, error);
    default:
      return new TpmDeviceError('other', `cannot connect to ${place}: ${error.message || error.code}`, error);
  }
}

/**
 * Waits until the program that is to listen there does. Rejects when it takes longer than ten seconds, or with what `ended` says: how the
 * program ended, once it has.
 */
export async function untilListening(address: SocketAddress, ended: () => string | undefined): Promise<void> {
  for (let waited = 0; ; waited += LISTEN_POLL_MILLIS) {
    const socket = await connected(address).catch(() => undefined);
    socket?.destroy();
    if (socket) return;
    const how = ended();
    if (how !== undefined) throw new Error(how);
    if (waited > LISTEN_TIMEOUT_MILLIS) throw new Error('swtpm does not listen');
    await sleep(LISTEN_POLL_MILLIS);
  }
}
