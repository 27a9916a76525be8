import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transportContract, type TransportPeer } from '../src/contract.ts';
import { openMssim, openSwtpm, openTpmSocket } from '../src/index.ts';
import { deviceExchange } from '../src/linux.ts';
import { serialTransport } from '../src/serial.ts';
import { BARE_PEER, cancellations, controlPeer, Inbox, mssimPeer, streamPeer } from './peers.ts';

const streamThatCancels = { isStream: true, canCancel: true };
const streamThatDoesNot = { isStream: true, canCancel: false };

for (const listen of ['unix', 'tcp'] as const) {
  transportContract(`a bare stream (${listen})`, streamThatDoesNot, async (options) => {
    const { place, remove } = await places(listen);
    const { address, peer, close } = await streamPeer(place('data'), BARE_PEER);
    return { transport: await openTpmSocket(address, options), peer, close: () => remove(close) };
  });

  for (const [name, features, channel] of [
    ['', 0x28, streamThatCancels],
    [', without features', 0, streamThatDoesNot],
  ] as const)
    transportContract(`swtpm with its control channel (${listen}${name})`, channel, async (options) => {
      const { place, remove } = await places(listen);
      const data = await streamPeer(place('data'), BARE_PEER);
      const { raise, ...cancellation } = cancellations(data.inbox);
      const control = await controlPeer(place('ctrl'), (request) => {
        if (request[3] === 1) return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, features);
        return request[3] === 9 ? raise() : Uint8Array.of(0, 0, 0, 0);
      });
      return {
        transport: await openSwtpm({ data: data.address, control: control.address }, options),
        peer: { ...data.peer, cancellation },
        close: () => remove(data.close, control.close),
      };
    });

  for (const [locality, channel] of [
    [0, streamThatCancels],
    [3, streamThatDoesNot],
  ] as const)
    transportContract(`the simulator's ports (${listen}, locality ${locality})`, channel, async (options) => {
      const { place, remove } = await places(listen);
      const commands = await streamPeer(place('commands'), mssimPeer(locality));
      const { raise, lower, ...cancellation } = cancellations(commands.inbox);
      const platform = await controlPeer(place('platform'), (request) => {
        if (request[3] === 20) return undefined;
        return request[3] === 9 ? raise() : lower();
      });
      const address = channel.canCancel
        ? { commands: commands.address, platform: platform.address }
        : { commands: commands.address };
      const transport = await openMssim(address, { ...options, locality });
      commands.inbox.seen.splice(0); // what opening says is no command's
      return {
        transport,
        peer: { ...commands.peer, cancellation },
        close: () => remove(commands.close, platform.close),
      };
    });
}

transportContract('a device', { isStream: false, canCancel: false }, async (options) => {
  const inbox = new Inbox();
  let answers: Uint8Array[] = [];
  let [wake, closed] = [() => {}, false];
  const peer: TransportPeer = {
    command: () => inbox.command(),
    answer: (response) => {
      answers.push(response);
      wake();
    },
    seen: inbox.seen,
  };
  const device = {
    write: async (bytes: Uint8Array) => {
      if (closed) throw new Error('EBADF');
      inbox.push(Uint8Array.from(bytes));
      return { bytesWritten: bytes.length };
    },
    read: async (buffer: Uint8Array) => {
      while (answers.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const [response] = answers;
      answers = [];
      buffer.set(response!.subarray(0, buffer.length));
      return { bytesRead: Math.min(response!.length, buffer.length) };
    },
    close: async () => void (closed = true),
  };
  return { transport: serialTransport(deviceExchange(device), options), peer, close: async () => {} };
});

/** Where peers listen: in a folder of their own, or at free ports. */
async function places(listen: 'unix' | 'tcp') {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
  return {
    place: (name: string) => (listen === 'tcp' ? 'tcp' : join(folder, name)),
    remove: async (...closes: readonly (() => void)[]) => {
      for (const each of closes) each();
      await rm(folder, { recursive: true });
    },
  };
}
