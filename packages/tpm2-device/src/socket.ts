import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { concat } from '@sekimori/bytes';
import { MAX_FRAME, type TpmTransport } from '@sekimori/tpm2';
import { type Exchange, serialTransport, type TransportOptions } from './serial.ts';

export type SocketAddress = { readonly path: string } | { readonly host: string; readonly port: number };

const HEADER_LENGTH = 10;
const CONNECT_TIMEOUT_MILLIS = 10_000;
const LISTEN_TIMEOUT_MILLIS = 10_000;
const LISTEN_POLL_MILLIS = 10;

/** A TPM behind a stream that carries bare commands and responses, as swtpm's data socket does, TCP or UNIX. */
export async function openTpmSocket(address: SocketAddress, options: TransportOptions = {}): Promise<TpmTransport> {
  return serialTransport(streamExchange(await connected(address)), options);
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

interface Waiting {
  readonly resolve: (response: Uint8Array) => void;
  readonly reject: (reason: Error) => void;
}

function streamExchange(socket: Socket): Exchange {
  let waiting: Waiting | undefined;
  let held: Uint8Array = new Uint8Array(0);

  const fail = (reason: Error) => {
    socket.destroy();
    waiting?.reject(reason);
    waiting = undefined;
  };
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the TPM closed the connection')));
  socket.on('data', (chunk: Uint8Array) => {
    if (!waiting) return fail(new Error('the TPM spoke out of turn'));
    held = concat(held, chunk);
    if (held.length < HEADER_LENGTH) return;
    const size = new DataView(held.buffer, held.byteOffset).getUint32(2);
    if (size < HEADER_LENGTH || size > MAX_FRAME)
      return fail(new Error(`the TPM announced a response of ${size} bytes`));
    if (held.length > size) return fail(new Error('the TPM sent more than its response'));
    if (held.length < size) return;
    const { resolve } = waiting;
    waiting = undefined;
    const response = held;
    held = new Uint8Array(0);
    resolve(response);
  });

  return {
    exchange: (command) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('the TPM closed the connection'));
        waiting = { resolve, reject };
        socket.write(command);
      }),
    close: async (reason) => fail(reason),
  };
}
