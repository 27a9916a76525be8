import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { concat, toHex } from '@sekimori/bytes';
import type { SocketAddress } from '../src/index.ts';
import type { CancellationPeer, TransportPeer } from '../src/contract.ts';

/** Where a peer puts what comes: for the suite, which takes it when it wants. */
export class Inbox {
  readonly seen: string[] = [];
  readonly #commands: Uint8Array[] = [];
  #wake: () => void = () => {};

  push(command: Uint8Array): void {
    this.seen.push(toHex(command));
    this.#commands.push(command);
    this.#wake();
  }
  async command(): Promise<Uint8Array> {
    for (;;) {
      const first = this.#commands.shift();
      if (first) return first;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** How the peer of a stream reads commands and writes responses. */
export interface PeerFraming {
  /** The first whole command, and how many bytes of `held` it and what is around it took. */
  unwrap(held: Uint8Array): { readonly command?: Uint8Array; readonly length: number } | undefined;
  framed(response: Uint8Array): Uint8Array;
}

const u32 = (bytes: Uint8Array, at = 0) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);

export const BARE_PEER: PeerFraming = {
  unwrap: (held) => {
    if (held.length < 10 || held.length < u32(held, 2)) return undefined;
    const length = u32(held, 2);
    return { command: held.slice(0, length), length };
  },
  framed: (response) => response,
};

/** `locality` is what each command must come with. */
export function mssimPeer(locality: number): PeerFraming {
  return {
    unwrap: (held) => {
      if (held.length >= 4 && u32(held) === 20) return { length: 4 };
      if (held.length < 9 || held.length < 9 + u32(held, 5)) return undefined;
      if (u32(held) !== 8 || held[4] !== locality) throw new Error(`no command of locality ${locality}`);
      const length = 9 + u32(held, 5);
      return { command: held.slice(9, length), length };
    },
    framed: (response) => {
      const size = new Uint8Array(4);
      new DataView(size.buffer).setUint32(0, response.length);
      return concat(size, response, new Uint8Array(4));
    },
  };
}

/** A server of one connection at a time, that plays a TPM. `place` is a path, or 'tcp' for a free port. */
export async function streamPeer(
  place: string,
  framing: PeerFraming,
): Promise<{
  readonly address: SocketAddress;
  readonly inbox: Inbox;
  readonly peer: TransportPeer;
  readonly close: () => void;
}> {
  const inbox = new Inbox();
  let last: Socket | undefined;
  const { server, address } = await listening(place, (socket) => {
    last = socket;
    let held: Uint8Array = new Uint8Array(0);
    socket.on('data', (chunk: Uint8Array) => {
      held = concat(held, chunk);
      for (let found = framing.unwrap(held); found; found = framing.unwrap(held)) {
        held = held.slice(found.length);
        if (found.command) inbox.push(found.command);
      }
    });
  });
  const send = (bytes: Uint8Array) => void (bytes.length > 0 && last?.writable && last.write(bytes));
  return {
    address,
    inbox,
    peer: {
      command: () => inbox.command(),
      answer: (response) => send(framing.framed(response)),
      stream: { framed: (response) => framing.framed(response), send, hangUp: () => last?.end() },
      seen: inbox.seen,
    },
    close: () => {
      last?.destroy();
      server.close();
    },
  };
}

/** A control channel: what comes is a u32 and goes to `answer`, whose bytes are sent back. */
export async function controlPeer(
  place: string,
  answer: (request: Uint8Array) => Promise<Uint8Array | undefined> | Uint8Array | undefined,
): Promise<{ readonly address: SocketAddress; readonly close: () => void }> {
  const sockets = new Set<Socket>();
  const { server, address } = await listening(place, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (request: Uint8Array) => {
      void (async () => {
        const answered = await answer(request);
        if (answered && socket.writable) socket.write(answered);
      })();
    });
  });
  return {
    address,
    close: () => {
      for (const each of sockets) each.destroy();
      server.close();
    },
  };
}

/** Notes cancellations in an inbox, and answers them as the suite says: 0, or an error. */
export function cancellations(inbox: Inbox): CancellationPeer & {
  readonly raise: () => Promise<Uint8Array>;
  readonly lower: () => Uint8Array;
} {
  let result = 0;
  let held: Promise<void> = Promise.resolve();
  let came = () => {};
  const raised = new Promise<void>((resolve) => (came = resolve));
  return {
    raise: async () => {
      inbox.seen.push('cancel');
      came();
      await held;
      return Uint8Array.of(0, 0, 0, result);
    },
    lower: () => {
      inbox.seen.push('uncancel');
      return Uint8Array.of(0, 0, 0, 0);
    },
    raised: () => raised,
    refuse: () => (result = 1),
    hold: () => {
      let release = () => {};
      held = new Promise((resolve) => (release = resolve));
      return () => release();
    },
  };
}

async function listening(
  place: string,
  onSocket: (socket: Socket) => void,
): Promise<{ readonly server: Server; readonly address: SocketAddress }> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(place === 'tcp' ? { host: '127.0.0.1', port: 0 } : { path: place });
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null) throw new Error('not listening');
  return { server, address: typeof bound === 'string' ? { path: bound } : { host: '127.0.0.1', port: bound.port } };
}
