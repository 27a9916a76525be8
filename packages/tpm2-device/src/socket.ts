import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TpmTransport } from '@sekimori/tpm2';
import { serialTransport, type TransportOptions } from './serial.ts';
import { BARE, streamExchange } from './stream.ts';

/** A UNIX socket or a TCP port. */
export type SocketAddress = { readonly path: string } | { readonly host: string; readonly port: number };

const CONNECT_TIMEOUT_MILLIS = 10_000;
const LISTEN_TIMEOUT_MILLIS = 10_000;
const LISTEN_POLL_MILLIS = 10;

/**
 * A TPM behind a stream that carries bare commands and responses, TCP or UNIX: swtpm's data socket, or a relay to a device. Nothing can
 * be cancelled over it: with swtpm's control socket at hand, see `openSwtpm`.
 */
export async function openTpmSocket(address: SocketAddress, options: TransportOptions = {}): Promise<TpmTransport> {
  return serialTransport(streamExchange(await connected(address), BARE), options);
}

/** Connects, or rejects when that fails or takes longer than ten seconds. */
export function connected(address: SocketAddress): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...address, noDelay: true });
    const refuse = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MILLIS, () => refuse(new Error('no connection to the TPM in time')));
    socket.once('error', refuse);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', refuse);
      resolve(socket);
    });
  });
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
