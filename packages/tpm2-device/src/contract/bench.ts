import { fromHex, toHex } from '@sekimori/bytes';
import type { TpmTransport } from '@sekimori/tpm2';
import { expect } from 'vitest';
import type { TransportOptions } from '../serial.ts';

/** What a channel is, which decides on some of the tests. */
export interface Channel {
  /** Bytes come in whatever pieces; where not, a response comes whole or not at all. */
  readonly isStream: boolean;
  readonly canCancel: boolean;
}

/** The far end of a channel, played by the suite: a TPM that answers what and when a test wants. */
export interface TransportPeer {
  /** The next command that has arrived whole, or will. */
  command(): Promise<Uint8Array>;
  /** Answers the command that came last, framed as the channel does. */
  answer(response: Uint8Array): void;
  /** Of a stream. */
  readonly stream?: StreamPeer;
  /** Of a channel that can cancel. */
  readonly cancellation?: CancellationPeer;
  /** Everything that came: commands in hex, and 'cancel' and 'uncancel'. */
  readonly seen: readonly string[];
}

/** The other end of a transport's stream, played by the suite. */
export interface StreamPeer {
  /** A response as this channel carries it, for tests that cut it or add to it. */
  framed(response: Uint8Array): Uint8Array;
  /** Bytes as they are. */
  send(bytes: Uint8Array): void;
  hangUp(): void;
}

/** The other end of the channel that cancels, played by the suite. */
export interface CancellationPeer {
  /** Resolves once a cancellation has come. */
  raised(): Promise<void>;
  /** From now on a cancellation is answered by an error. */
  refuse(): void;
  /** The answer to a cancellation waits until the function that this gives is called. */
  hold(): () => void;
}

/** A transport under test and the ends that the suite plays. */
export interface TransportBench {
  readonly transport: TpmTransport;
  readonly peer: TransportPeer;
  /** Ends the peer; the transport may be closed by then or not. */
  close(): Promise<void>;
}

/** Opens one for each test. */
export type OpenBench = (options?: TransportOptions) => Promise<TransportBench>;

export const ANSWER = fromHex('80010000000a00000000')!;
export const CANCELED = fromHex('80010000000a00000909')!;
/** TPM2_GetRandom of this many bytes. Part 3, 16.1. */
export const command = (count: number): Uint8Array =>
  fromHex(`80010000000c0000017b${count.toString(16).padStart(4, '0')}`)!;
/** A frame of this length, as its header says, filled with something. */
export function frame(length: number): Uint8Array {
  const header = [0x80, 0x01, 0, 0, length >> 8, length & 0xff, 0, 0, 0, 0];
  return Uint8Array.from({ length }, (_, at) => header[at] ?? at & 0xff);
}
export const LARGEST = 4096;
/** Tests that nothing happens wait this long for it. */
export const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

export async function withBench(
  open: OpenBench,
  work: (bench: TransportBench) => Promise<void>,
  options?: TransportOptions,
): Promise<void> {
  const bench = await open(options);
  try {
    await work(bench);
  } finally {
    await bench.transport.close();
    await bench.close();
  }
}
/** The transport is at its end: what follows is rejected and does not reach the TPM. */
export async function expectEnded({ transport, peer }: TransportBench): Promise<void> {
  const before = peer.seen.length;
  await expect(transport.transmit(command(99))).rejects.toThrow(Error);
  await turns();
  expect(peer.seen.slice(before)).toEqual([]);
}
export async function expectGood({ transport, peer }: TransportBench): Promise<void> {
  const answered = transport.transmit(command(98));
  expect(toHex(await peer.command())).toBe(toHex(command(98)));
  peer.answer(ANSWER);
  expect(toHex(await answered)).toBe(toHex(ANSWER));
}

export function aborting(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error('given up')) };
}
