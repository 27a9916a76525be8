import { toHex } from '@sekimori/bytes';
import { expect, it } from 'vitest';
import {
  ANSWER,
  command,
  expectEnded,
  expectGood,
  frame,
  type OpenBench,
  type StreamPeer,
  type TransportBench,
  turns,
  withBench,
} from './bench.ts';

/** What a stream may do to a response: cut it, add to it, bring it when nobody asked. */
export function streamContract(open: OpenBench): void {
  const withStream = (work: (bench: TransportBench, stream: StreamPeer) => Promise<void>) =>
    withBench(open, (bench) => work(bench, bench.peer.stream!));

  it('puts a response together that comes byte by byte, and in two halves at each place', () =>
    withStream(async ({ transport, peer }, stream) => {
      const whole = stream.framed(frame(12));
      const cuts = [Array.from(whole, (_, at) => at), ...Array.from(whole, (_, at) => [0, at])];
      for (const starts of cuts) {
        const answered = transport.transmit(command(1));
        await peer.command();
        for (const [at, start] of starts.entries()) {
          stream.send(whole.subarray(start, starts[at + 1]));
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(toHex(await answered)).toBe(toHex(frame(12)));
      }
    }));

  it('ends when more comes than the response', () =>
    withStream(async (bench, stream) => {
      const answered = bench.transport.transmit(command(1));
      await bench.peer.command();
      stream.send(Uint8Array.of(...stream.framed(ANSWER), 0));
      await expect(answered).rejects.toThrow('more than its response');
      await expectEnded(bench);
    }));

  it('ends when the peer speaks out of turn', () =>
    withStream(async (bench, stream) => {
      await expectGood(bench);
      stream.send(stream.framed(ANSWER));
      // Until it has come, a command would take it for its own answer: the next one shows whether it was noticed.
      await turns();
      await expectEnded(bench);
    }));

  it.each([0, 1, 9])('ends when the peer hangs up after %i bytes of a response', (length) =>
    withStream(async (bench, stream) => {
      const answered = bench.transport.transmit(command(1));
      await bench.peer.command();
      stream.send(stream.framed(ANSWER).subarray(0, length));
      stream.hangUp();
      await expect(answered).rejects.toThrow(Error);
      await expectEnded(bench);
    }),
  );

  it('ends at rubbish', () =>
    withStream(async (bench, stream) => {
      const answered = bench.transport.transmit(command(1));
      await bench.peer.command();
      stream.send(new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n'));
      await expect(answered).rejects.toThrow(/announced a response of \d+ bytes/);
      await expectEnded(bench);
    }));
}
