import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, toHex } from '@sekimori/bytes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deviceExchange } from '../src/linux.ts';
import { openLinuxTpm, openTpmSocket } from '../src/index.ts';
import { serialTransport } from '../src/serial.ts';

const COMMAND = fromHex('80010000000c000001440000')!;
const ANSWER = fromHex('80010000000a00000000')!;

describe('a socket', () => {
  let folder: string;
  let server: ReturnType<typeof createServer>;
  const sockets: Socket[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server?.close();
    await rm(folder, { recursive: true });
  });

  async function withPeer(onCommand: (socket: Socket, command: Uint8Array) => void, timeoutMillis?: number) {
    const path = join(folder, 'tpm');
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.on('data', (command: Uint8Array) => onCommand(socket, command));
    }).listen(path);
    await new Promise((resolve) => server.once('listening', resolve));
    return openTpmSocket({ path }, timeoutMillis === undefined ? {} : { timeoutMillis });
  }

  it('puts an answer together that comes in pieces', async () => {
    const transport = await withPeer((socket) => {
      socket.write(ANSWER.subarray(0, 3));
      setImmediate(() => socket.write(ANSWER.subarray(3)));
    });
    expect(toHex(await transport.transmit(COMMAND))).toBe(toHex(ANSWER));
    await transport.close();
  });
  it('sends one command at a time, in order', async () => {
    const seen: string[] = [];
    let busy = 0;
    const transport = await withPeer((socket, command) => {
      seen.push(toHex(command));
      busy++;
      setImmediate(() => {
        busy--;
        socket.write(ANSWER);
      });
      expect(busy).toBe(1);
    });
    const commands = [0, 1, 2].map((last) => Uint8Array.of(...COMMAND.subarray(0, 11), last));
    const answers = commands.map((command) => transport.transmit(command));
    commands[1]!.fill(0xee); // the transport has its own copy
    await Promise.all(answers);
    expect(seen.map((command) => command.slice(-2))).toEqual(['00', '01', '02']);
    await transport.close();
  });
  it.each([
    ['announces more than 4096 bytes', '800100001001 00000000'],
    ['announces less than a header', '800100000009 00000000'],
    ['sends more than it announced', '80010000000a 00000000 00'],
  ])('is closed when the TPM %s', async (_, text) => {
    const transport = await withPeer((socket) => socket.write(fromHex(text.replaceAll(' ', ''))!));
    await expect(transport.transmit(COMMAND)).rejects.toThrow(/announced|more than/);
    await expect(transport.transmit(COMMAND)).rejects.toThrow();
  });
  it('is closed when the TPM hangs up in the middle of an answer', async () => {
    const transport = await withPeer((socket) => socket.end(ANSWER.subarray(0, 9)));
    await expect(transport.transmit(COMMAND)).rejects.toThrow('closed the connection');
  });
  it('is closed when no answer comes in time, so that a late one is nobody’s', async () => {
    const transport = await withPeer(() => {}, 20);
    await expect(transport.transmit(COMMAND)).rejects.toThrow('did not answer within 20 ms');
    await expect(transport.transmit(COMMAND)).rejects.toThrow('did not answer within 20 ms');
  });
  it('rejects what is under way and what follows when it is closed', async () => {
    const transport = await withPeer(() => {});
    const underWay = transport.transmit(COMMAND);
    await Promise.all([expect(underWay).rejects.toThrow('closed'), transport.close()]);
    await expect(transport.transmit(COMMAND)).rejects.toThrow('closed');
  });
  it('does not send more than a TPM takes', async () => {
    const transport = await withPeer(() => {});
    await expect(transport.transmit(new Uint8Array(4097))).rejects.toThrow(RangeError);
    await transport.close();
  });
  it('that nobody listens at is an error', async () => {
    await expect(openTpmSocket({ path: join(folder, 'none') })).rejects.toThrow('ENOENT');
  });
});

describe('a device', () => {
  function device(answer: Uint8Array, taken = COMMAND.length) {
    const calls: string[] = [];
    return {
      calls,
      write: async (bytes: Uint8Array) => {
        calls.push(`write ${toHex(bytes)}`);
        return { bytesWritten: taken };
      },
      read: async (buffer: Uint8Array) => {
        calls.push('read');
        buffer.set(answer.subarray(0, buffer.length));
        return { bytesRead: Math.min(answer.length, buffer.length) };
      },
      close: async () => {
        calls.push('close');
      },
    };
  }

  it('takes a command in one write and gives the response in one read', async () => {
    const fake = device(ANSWER);
    const transport = serialTransport(deviceExchange(fake));
    expect(toHex(await transport.transmit(COMMAND))).toBe(toHex(ANSWER));
    await transport.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(fake.calls).toEqual([`write ${toHex(COMMAND)}`, 'read', 'close']);
  });
  it('is closed when it takes a part of the command or gives too much', async () => {
    for (const fake of [device(ANSWER, 5), device(new Uint8Array(5000))]) {
      const transport = serialTransport(deviceExchange(fake));
      await expect(transport.transmit(COMMAND)).rejects.toThrow(/part of the command|more than a response/);
      await expect(transport.transmit(COMMAND)).rejects.toThrow();
      await new Promise((resolve) => setImmediate(resolve));
      expect(fake.calls.at(-1)).toBe('close');
    }
  });
  it('that does not exist is an error', async () => {
    await expect(openLinuxTpm('/dev/no-such-tpm')).rejects.toThrow('ENOENT');
  });
});
