import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, toHex } from '@sekimori/bytes';
import type { TpmTransport } from '@sekimori/tpm2';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { deviceError, deviceExchange } from '../src/linux.ts';
import {
  openLinuxTpm,
  openMssim,
  openSwtpm,
  openTpmSocket,
  signalMssim,
  type SocketAddress,
  TpmDeviceError,
} from '../src/index.ts';
import { socketError } from '../src/socket.ts';
import { serialTransport } from '../src/serial.ts';
import { BARE_PEER, controlPeer, mssimPeer, streamPeer } from './peers.ts';

const COMMAND = fromHex('80010000000c000001440000')!;
const ANSWER = fromHex('80010000000a00000000')!;

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

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
  it('is closed when it takes a part of the command, gives too much or too little', async () => {
    const fakes = [
      device(ANSWER, 5),
      device(new Uint8Array(5000)),
      device(new Uint8Array(0)),
      device(ANSWER.subarray(0, 9)),
    ];
    for (const fake of fakes) {
      const transport = serialTransport(deviceExchange(fake));
      await expect(transport.transmit(COMMAND)).rejects.toThrow(/part of the command|a response of (4097|0|9) bytes/);
      await expect(transport.transmit(COMMAND)).rejects.toThrow();
      await new Promise((resolve) => setImmediate(resolve));
      expect(fake.calls.at(-1)).toBe('close');
    }
  });
  it('is a real descriptor: a FIFO gives back what is written to it', async () => {
    const path = join(await aFolder(), 'fifo');
    execFileSync('mkfifo', [path]);
    const transport = serialTransport(deviceExchange(await open(path, constants.O_RDWR)));
    expect(toHex(await transport.transmit(COMMAND))).toBe(toHex(COMMAND));
    await transport.close();
  });
  it.each([
    ['/dev/null', 'a response of 0 bytes'],
    ['/dev/zero', 'a response of 4097 bytes'],
    ['/dev/full', 'ENOSPC'],
  ])('that is no TPM is left: %s', async (path, message) => {
    const transport = await openLinuxTpm(path);
    await expect(transport.transmit(COMMAND)).rejects.toThrow(message);
    await expect(transport.transmit(COMMAND)).rejects.toThrow(message);
  });
  it('that is a file is refused, and nothing is written to it', async () => {
    const path = join(await aFolder(), 'file');
    await writeFile(path, 'precious');
    await expect(openLinuxTpm(path)).rejects.toThrow(`${path} is no device`);
    expect(await readFile(path, 'utf8')).toBe('precious');
    await expect(openLinuxTpm(join(path, '..'))).rejects.toMatchObject({ reason: 'no-device' });
  });
  it('that does not exist is an error, and is not made', async () => {
    const path = join(await aFolder(), 'tpmrm7');
    for (let time = 0; time < 2; time++)
      await expect(openLinuxTpm(path)).rejects.toMatchObject({
        name: 'TpmDeviceError',
        reason: 'missing',
        cause: { code: 'ENOENT' },
      });
  });
  it.each([
    ['/dev/tpmrm0', 'ENODEV', 'missing', 'no driver'],
    ['/dev/tpm0', 'EBUSY', 'busy', 'use /dev/tpmrm0'],
    ['/dev/tpmrm0', 'EACCES', 'denied', "group 'tss'"],
    ['/dev/tpm0', 'EPERM', 'denied', "user 'tss' alone"],
    ['/dev/tpm0', 'EMFILE', 'other', 'too many'],
  ] as const)('%s that answers %s is %s', (path, code, reason, words) => {
    const error = deviceError(path, Object.assign(new Error('too many open files'), { code }));
    expect(error).toBeInstanceOf(TpmDeviceError);
    expect(error.reason).toBe(reason);
    expect(error.message).toContain(path);
    expect(error.message).toContain(words);
  });
  it('is opened on Linux alone', async () => {
    const own = Object.getOwnPropertyDescriptor(process, 'platform')!;
    onTestFinished(() => void Object.defineProperty(process, 'platform', own));
    Object.defineProperty(process, 'platform', { ...own, value: 'win32' });
    await expect(openLinuxTpm()).rejects.toThrow('on Linux, and this is win32');
  });
});

describe('a socket', () => {
  it('that nobody listens at is an error', async () => {
    const path = join(await aFolder(), 'none');
    const opened = [
      openTpmSocket({ path }),
      openMssim({ commands: { path } }),
      openSwtpm({ data: { path }, control: { path } }),
      signalMssim({ path }, 'powerOn'),
    ];
    for (const each of opened) {
      const error = await each.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(TpmDeviceError);
      expect(error).toMatchObject({ reason: 'missing', cause: { code: 'ENOENT' } });
      expect((error as Error).message).toBe(`nobody listens at ${path} (ENOENT)`);
    }
  });
  it.each([
    ['ECONNREFUSED', 'missing', 'nobody listens at localhost:2321'],
    ['ENOTFOUND', 'missing', 'no host of this name: localhost:2321'],
    ['EACCES', 'denied', 'may not use localhost:2321'],
    ['EPERM', 'denied', 'may not use localhost:2321'],
    ['ENOTSOCK', 'no-device', 'localhost:2321 is no socket'],
    ['EMFILE', 'other', 'connect to localhost:2321: EMFILE'],
  ] as const)('that answers %s is %s', (code, reason, words) => {
    // where a name has several addresses, the error of all of them has no message
    const error = socketError({ host: 'localhost', port: 2321 }, Object.assign(new Error(''), { code }));
    expect(error.reason).toBe(reason);
    expect(error.message).toContain(words);
  });
  it.each([
    ['its control channel', BARE_PEER, openTpmSocket],
    ['its platform port', mssimPeer(0), (commands: SocketAddress) => openMssim({ commands })],
  ])(
    'that is silent from the start may be held by another, or be %s; later it is just late',
    async (other, framing, connect) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      onTestFinished(() => void vi.useRealTimers());
      const { address, peer, close } = await streamPeer(join(await aFolder(), 'data'), framing);
      onTestFinished(close);
      const lateAnswer = async (transport: TpmTransport) => {
        const refusal = transport.transmit(COMMAND).catch((error: Error) => error.message);
        await peer.command();
        vi.advanceTimersByTime(90_000);
        return refusal;
      };
      expect(await lateAnswer(await connect(address))).toBe(
        `the TPM did not answer within 90000 ms: another client may hold the connection, or this is ${other}`,
      );
      const used = await connect(address);
      const answered = used.transmit(COMMAND);
      await peer.command();
      peer.answer(ANSWER);
      await answered;
      expect(await lateAnswer(used)).toBe('the TPM did not answer within 90000 ms');
    },
  );
  it('does not take a command that would get the stream out of step', async () => {
    const { address, close } = await controlPeer(join(await aFolder(), 'data'), () => ANSWER);
    onTestFinished(close);
    const transport = await openTpmSocket(address);
    await expect(transport.transmit(COMMAND.subarray(1))).rejects.toThrow('of 11 bytes that says otherwise');
    await expect(transport.transmit(COMMAND.subarray(0, 9))).rejects.toThrow(RangeError);
    expect(toHex(await transport.transmit(COMMAND))).toBe(toHex(ANSWER));
    await transport.close();
  });
});

describe("a simulator's response", () => {
  it.each([
    ['has an error after it', '0000000a 80010000000a00000000 00000001', 'reports an error'],
    ['has another size than its header says', '0000000b 80010000000a0000000000 00000000', 'announces 10'],
  ])('that %s ends the transport', async (_, answer, message) => {
    const bytes = fromHex(answer.replaceAll(' ', ''))!;
    const { address, close } = await controlPeer(join(await aFolder(), 'data'), () => bytes);
    onTestFinished(close);
    const transport = await openMssim({ commands: address });
    await expect(transport.transmit(COMMAND)).rejects.toThrow(message);
    await expect(transport.transmit(COMMAND)).rejects.toThrow(message);
  });
  it('to a signal must be 0', async () => {
    const { address, close } = await controlPeer(join(await aFolder(), 'platform'), (request) =>
      request[3] === 20 ? undefined : Uint8Array.of(0, 0, 0, request[3] === 1 ? 0 : 1),
    );
    onTestFinished(close);
    await signalMssim(address, 'powerOn');
    await expect(signalMssim(address, 'nvOn')).rejects.toThrow('the signal nvOn');
  });
});

describe("a simulator's cancellation", () => {
  /** What comes to its ports; `refused` is the signal that the platform port does not take. */
  const simulator = async (refused?: number) => {
    const folder = await aFolder();
    const commands = await streamPeer(join(folder, 'data'), mssimPeer(0));
    const { seen } = commands.inbox;
    const platform = await controlPeer(join(folder, 'platform'), (request) => {
      const signal = request[3]!;
      if (signal !== 20) seen.push(SIGNALS[signal] ?? `signal ${signal}`);
      return signal === 20 ? undefined : Uint8Array.of(0, 0, 0, signal === refused ? 1 : 0);
    });
    onTestFinished(commands.close);
    onTestFinished(platform.close);
    return { ...commands, address: { commands: commands.address, platform: platform.address } };
  };
  const SIGNALS: Readonly<Record<number, string>> = { 9: 'cancelOn', 10: 'cancelOff' };
  const CANCEL_ON = 9;
  const CANCEL_OFF = 10;

  it('is lowered when a transport opens, whoever left it', async () => {
    const { address, inbox } = await simulator();
    const transport = await openMssim(address);
    expect(inbox.seen).toEqual(['cancelOff']);
    await transport.close();
    const alone = await openMssim({ commands: address.commands });
    expect(inbox.seen).toEqual(['cancelOff']);
    await alone.close();
  });
  it('that cannot be lowered lets no transport open', async () => {
    const { address } = await simulator(CANCEL_OFF);
    await expect(openMssim(address)).rejects.toThrow('the signal cancelOff');
  });
  it.each([
    ['the command is not answered in time', undefined, 'did not answer within'],
    ['the simulator hangs up', 'hang up', 'closed the connection'],
    ['it was refused', CANCEL_ON, 'the signal cancelOn'],
  ] as const)('is lowered also where %s', async (_, how, message) => {
    const { address, inbox, peer } = await simulator(typeof how === 'number' ? how : undefined);
    const transport = await openMssim(address, { timeoutMillis: how === undefined ? 200 : 60_000 });
    const controller = new AbortController();
    const answered = transport.transmit(COMMAND, { signal: controller.signal });
    const refusal = answered.catch((error: Error) => error.message);
    await peer.command();
    controller.abort();
    if (how === 'hang up') {
      await until(() => inbox.seen.includes('cancelOn'));
      peer.stream!.hangUp();
    }
    expect(await refusal).toContain(message);
    expect(inbox.seen).toEqual(['cancelOff', toHex(COMMAND), 'cancelOn', 'cancelOff']);
  });
  it('that was not raised is not lowered at the end', async () => {
    const { address, inbox, peer } = await simulator();
    const transport = await openMssim(address);
    const refusal = transport.transmit(COMMAND).catch((error: Error) => error.message);
    await peer.command();
    await transport.close();
    expect(await refusal).toContain('closed');
    expect(inbox.seen).toEqual(['cancelOff', toHex(COMMAND)]);
  });
});

describe("a swtpm's control channel", () => {
  const withControl = async (answers: Readonly<Record<number, string>>) => {
    const folder = await aFolder();
    const { address, close } = await controlPeer(join(folder, 'ctrl'), (request) => fromHex(answers[request[3]!]!)!);
    onTestFinished(close);
    return { data: { path: join(folder, 'none') }, control: address };
  };
  it('that has no localities is not asked for another than 0', async () => {
    const at = await withControl({ 1: '0000000000000020' });
    await expect(openSwtpm(at, { locality: 1 })).rejects.toThrow('this swtpm has no localities');
    await expect(openSwtpm(at)).rejects.toThrow('ENOENT'); // the data socket
  });
  it('that refuses a locality or tells no features is an error', async () => {
    const refusing = await withControl({ 1: '0000000000000028', 5: '0000003d' });
    await expect(openSwtpm(refusing, { locality: 4 })).rejects.toThrow('locality 4 (0x3d)');
    await expect(openSwtpm(await withControl({ 1: '00000009' }))).rejects.toThrow('its features (0x9)');
  });
});
