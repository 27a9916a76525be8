import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

const HEADER = 10; // tag u16, size u32 of the whole message, code u32; commands and responses alike. TPM 2.0 Part 1, 18
const LARGEST = 4096;
/** The two messages that are not TPM commands, and the number of clients: `guest/tpmrelay.c` has the other end. */
const IS_NEXT = 0;
const HAS_GONE = 1;
const CLIENTS = 16;

/**
 * Lets clients of the socket `path` talk to the guest's TPM, each as if it had opened /dev/tpmrm0 itself. Only whole messages
 * go through, so that a client that dies in the middle of a command does not spoil it for the others.
 */
export async function relayTpm(path: string, guestPort: string): Promise<{ close(): void }> {
  const guest = connect(guestPort);
  await once(guest, 'connect');
  guest.on('error', () => {}); // the guest has ended: `ask` says so
  const answers = messages(guest);
  let last: Promise<unknown> = Promise.resolve();
  const ask = (client: number, command: Buffer): Promise<Buffer> => {
    const asked = last.then(async () => {
      guest.write(Buffer.concat([about(client, IS_NEXT), command]));
      const answer = await answers.next();
      if (answer.done) throw new Error('the guest has ended');
      return answer.value;
    });
    last = asked.catch(() => {});
    return asked;
  };

  const free = Array.from({ length: CLIENTS }, (_, number) => number);
  const serve = async (socket: Socket): Promise<void> => {
    const client = free.shift();
    if (client === undefined) throw new Error('too many clients');
    try {
      for await (const command of messages(socket)) socket.write(await ask(client, command));
      socket.end();
    } finally {
      guest.write(about(client, HAS_GONE));
      free.push(client);
    }
  };
  const sockets = new Set([guest]);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)));
    socket.on('error', () => {}); // a client may go as it likes
    serve(socket).catch(() => socket.destroy());
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function about(client: number, what: typeof IS_NEXT | typeof HAS_GONE): Buffer {
  return Buffer.from([0, what, 0, 0, 0, HEADER, 0, 0, 0, client]);
}

async function* messages(socket: Socket): AsyncGenerator<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= HEADER) {
      const size = bytes.readUInt32BE(2);
      // a client must not send the relay's own messages
      if (size < HEADER || size > LARGEST || bytes.readUInt16BE(0) < 0x8000) throw new Error('not a TPM message');
      if (bytes.length < size) break;
      yield bytes.subarray(0, size);
      bytes = bytes.subarray(size);
    }
  }
}
