import { createServer, type Socket } from 'node:net';
import { openTpmSocket } from '@sekimori/tpm2-device';
import { expect, it, onTestFinished } from 'vitest';
import { reopeningTransport, TpmOutageError } from '../src/tpm-transport.ts';

const COMMAND = Uint8Array.from([0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8]);
const ANSWER = Uint8Array.from([0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0]);

/** A TPM that says nothing by itself, behind a socket over which nothing can be cancelled. */
async function aSocket() {
  const sockets: Socket[] = [];
  let commands = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => commands++);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  const transport = reopeningTransport('the socket', () => openTpmSocket({ host: '127.0.0.1', port }));
  onTestFinished(async () => {
    await transport.close();
    for (const each of sockets) each.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    transport,
    opened: () => sockets.length,
    /** Waits for the next command, the nth of all. */
    command: async (nth: number) => {
      await expect.poll(() => commands).toBe(nth);
    },
    answer: () => sockets.at(-1)!.write(ANSWER),
  };
}

it('lets a waiting command be given up: the connection and the others stay', async () => {
  const { transport, opened, command, answer } = await aSocket();
  const giveUp = new AbortController();
  const first = transport.transmit(COMMAND);
  await command(1);
  const second = transport.transmit(COMMAND, { signal: giveUp.signal });
  const third = transport.transmit(COMMAND);
  giveUp.abort(new Error('not now'));
  await expect(second).rejects.toBe(giveUp.signal.reason);
  answer();
  expect(await first).toEqual(ANSWER);
  await command(2);
  answer();
  expect(await third).toEqual(ANSWER);
  expect(opened()).toBe(1);
});

it('opens anew after a command that the TPM was at was given up', async () => {
  const { transport, opened, command, answer } = await aSocket();
  const giveUp = new AbortController();
  const first = transport.transmit(COMMAND, { signal: giveUp.signal });
  await command(1);
  giveUp.abort(new Error('not now'));
  await expect(first).rejects.toBe(giveUp.signal.reason);
  const next = transport.transmit(COMMAND);
  await command(2);
  answer();
  expect(await next).toEqual(ANSWER);
  expect(opened()).toBe(2);
});

it('tells those who waited behind it of the outage', async () => {
  const { transport, opened, command, answer } = await aSocket();
  const giveUp = new AbortController();
  const first = transport.transmit(COMMAND, { signal: giveUp.signal }).catch((reason: unknown) => reason);
  await command(1);
  const second = transport.transmit(COMMAND).catch((reason: unknown) => reason);
  giveUp.abort();
  expect(await first).toBe(giveUp.signal.reason);
  expect(await second).toBeInstanceOf(TpmOutageError);
  const next = transport.transmit(COMMAND);
  await command(2);
  answer();
  expect(await next).toEqual(ANSWER);
  expect(opened()).toBe(2);
});

it('opens nothing for a command that was given up before', async () => {
  const { transport, opened } = await aSocket();
  const signal = AbortSignal.abort(new Error('never'));
  await expect(transport.transmit(COMMAND, { signal })).rejects.toBe(signal.reason);
  expect(opened()).toBe(0);
});
