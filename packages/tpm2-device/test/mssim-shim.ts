import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { concat } from '@sekimori/bytes';
import type { TpmTransport } from '@sekimori/tpm2';
import { initializeSwtpm, type Swtpm } from '../src/swtpm.ts';
import { cancelSwtpmCommand, setSwtpmLocality, stopSwtpm } from '../src/swtpm-control.ts';

export interface MssimShim {
  /** The platform port is the next one, as tpm2-tss expects. */
  readonly port: number;
  close(): Promise<void>;
}

const u32 = (bytes: Uint8Array, at = 0) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
const OK = new Uint8Array(4);

/** Both ports of the reference simulator, over a swtpm: framing and signals are the simulator's, the TPM is swtpm's. */
export async function mssimShim(swtpm: Swtpm): Promise<MssimShim> {
  let isOn = true; // startSwtpm has powered it on
  const signals: Readonly<Record<number, () => Promise<void>>> = {
    1: async () => {
      if (!isOn) await initializeSwtpm(swtpm.control);
      isOn = true;
    },
    2: async () => {
      if (isOn) await stopSwtpm(swtpm.control);
      isOn = false;
    },
    9: () => cancelSwtpmCommand(swtpm.control, 60_000),
    10: async () => {}, // libtpms forgets a cancellation with the next command
    11: async () => {}, // NV is there
  };
  const transport = await swtpm.open();
  const commands = createServer((socket) => void serve(socket, (held) => command(held, transport, swtpm)));
  const platform = createServer(
    (socket) =>
      void serve(socket, async (held) => {
        if (held.length < 4) return undefined;
        const signal = signals[u32(held)];
        await signal?.();
        return { length: 4, ...(signal && { answer: OK }) };
      }),
  );
  const port = await listenAtPair(commands, platform);
  return {
    port,
    close: async () => {
      commands.close();
      platform.close();
      await transport.close();
    },
  };
}

interface Served {
  readonly length: number;
  /** None: the session's end. */
  readonly answer?: Uint8Array;
}

async function serve(socket: Socket, take: (held: Uint8Array) => Promise<Served | undefined>): Promise<void> {
  socket.on('error', () => {});
  let held: Uint8Array = new Uint8Array(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: true }) as AsyncIterable<Uint8Array>) {
    held = concat(held, chunk);
    for (let served = await take(held); served; served = await take(held)) {
      held = held.slice(served.length);
      if (!served.answer) return;
      socket.write(served.answer);
    }
  }
}

async function command(held: Uint8Array, transport: TpmTransport, swtpm: Swtpm): Promise<Served | undefined> {
  if (held.length < 4) return undefined;
  if (u32(held) !== 8) return { length: 4 };
  if (held.length < 9 || held.length < 9 + u32(held, 5)) return undefined;
  const length = 9 + u32(held, 5);
  await setSwtpmLocality(swtpm.control, held[4]!);
  const response = await transport.transmit(held.slice(9, length));
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, response.length);
  return { length, answer: concat(size, response, OK) };
}

/** Two ports side by side. */
async function listenAtPair(first: Server, second: Server): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    first.listen(0, '127.0.0.1');
    await once(first, 'listening');
    const { port } = first.address() as { port: number };
    second.listen(port + 1, '127.0.0.1');
    const free = await once(second, 'listening').then(
      () => true,
      () => false,
    );
    if (free) return port;
    first.close();
    await once(first, 'close');
  }
  throw new Error('no two ports side by side are free');
}
