import type { Socket } from 'node:net';
import { concat, u32be } from '@sekimori/bytes';
import { MAX_FRAME } from '@sekimori/tpm2';
import type { Cancellation, Exchange } from './serial.ts';

/** How a stream carries commands and responses. */
export interface Framing {
  /** The other channel of such a TPM, which answers no commands. */
  readonly otherChannel: string;
  wrap(command: Uint8Array): Uint8Array;
  /** Why a command cannot be sent: it would get the stream out of step. */
  refuse?(command: Uint8Array): string | undefined;
  /**
   * Where the response stands in what has come, once all of the message is there; the message may be longer. Throws when it is
   * none.
   */
  unwrap(held: Uint8Array): { readonly response: Uint8Array; readonly length: number } | undefined;
}

const HEADER_LENGTH = 10;
/** The size of a header, after its tag. */
const SIZE_AT = 2;
const SIZE_END = 6;

/** Nothing is added: tag u16 and size u32 of the header say where a command or a response ends. Part 1, 18. */
export const BARE: Framing = {
  otherChannel: 'its control channel',
  wrap: (command) => command,
  refuse: (command) =>
    declaredSize(command) === command.length ? undefined : `a command of ${command.length} bytes that says otherwise`,
  unwrap: (held) => {
    if (held.length < SIZE_END) return undefined;
    const size = u32At(held, SIZE_AT);
    if (!isResponseSize(size)) throw new Error(`the TPM announced a response of ${size} bytes`);
    return held.length < size ? undefined : { response: held.subarray(0, size), length: size };
  },
};

/** The simulator's TPM_SEND_COMMAND. */
const MSSIM_SEND_COMMAND = 8;

/**
 * As the reference simulator frames: a command is `u32 8 | u8 locality | u32 size | command`, a response `u32 size | response |
 * u32 0`.
 */
export function mssimFraming(locality: number): Framing {
  return {
    otherChannel: 'its platform port',
    wrap: (command) => concat(u32be(MSSIM_SEND_COMMAND), Uint8Array.of(locality), u32be(command.length), command),
    unwrap: (held) => {
      if (held.length < 4) return undefined;
      const size = u32At(held, 0);
      if (!isResponseSize(size)) throw new Error(`the TPM announced a response of ${size} bytes`);
      if (held.length >= 4 + HEADER_LENGTH) checkResponse(held.subarray(4), size);
      const length = 4 + size + 4;
      if (held.length < length) return undefined;
      if (u32At(held, 4 + size) !== 0) throw new Error('the simulator reports an error after a response');
      return { response: held.subarray(4, 4 + size), length };
    },
  };
}

/** A response of `length` bytes whose header says the same. Throws when it is none. */
export function checkResponse(response: Uint8Array, length: number): void {
  if (!isResponseSize(length)) throw new Error(`the TPM gave a response of ${length} bytes`);
  const size = declaredSize(response);
  if (size !== length) throw new Error(`the TPM gave a response of ${length} bytes that announces ${size}`);
}

const isResponseSize = (size: number) => size >= HEADER_LENGTH && size <= MAX_FRAME;
const u32At = (bytes: Uint8Array, at: number) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
/** Of a header; 0 when there is none. */
const declaredSize = (frame: Uint8Array) => (frame.length < HEADER_LENGTH ? 0 : u32At(frame, SIZE_AT));

interface Waiting {
  readonly resolve: (response: Uint8Array) => void;
  readonly reject: (reason: Error) => void;
}

/** Commands over a connected socket. `farewell` is sent before it is closed. */
export function streamExchange(
  socket: Socket,
  framing: Framing,
  extras: { readonly cancellation?: Cancellation; readonly farewell?: Uint8Array } = {},
): Exchange {
  let waiting: Waiting | undefined;
  let held: Uint8Array = new Uint8Array(0);
  let hasAnswered = false;

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
    try {
      const message = framing.unwrap(held);
      if (!message) return;
      if (held.length > message.length) throw new Error('the TPM sent more than its response');
      const { resolve } = waiting;
      waiting = undefined;
      hasAnswered = true;
      held = new Uint8Array(0);
      resolve(message.response);
    } catch (error) {
      fail(error as Error);
    }
  });

  return {
    exchange: (command) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('the TPM closed the connection'));
        waiting = { resolve, reject };
        socket.write(framing.wrap(command));
      }),
    refuse: (command) => framing.refuse?.(command),
    silence: () =>
      hasAnswered ? undefined : `another client may hold the connection, or this is ${framing.otherChannel}`,
    ...(extras.cancellation && { cancellation: extras.cancellation }),
    close: async (reason) => {
      const { farewell } = extras;
      // In the middle of a command nobody listens to a farewell.
      if (farewell && !waiting && !socket.destroyed)
        await new Promise<void>((resolve) => socket.end(farewell, () => resolve()));
      fail(reason);
    },
  };
}
