import { toHex } from '@sekimori/bytes';
import { expect, it } from 'vitest';
import { ANSWER, command, expectEnded, expectGood, frame, LARGEST, type OpenBench, turns, withBench } from './bench.ts';

/** Commands and responses, sizes, order, time, and the end. */
export function exchangeContract(open: OpenBench): void {
  it('carries commands there and responses back, one after the other', () =>
    withBench(open, async ({ transport, peer }) => {
      for (const length of [10, 11, 500]) {
        const answered = transport.transmit(command(length));
        expect(toHex(await peer.command())).toBe(toHex(command(length)));
        peer.answer(frame(length));
        expect(toHex(await answered)).toBe(toHex(frame(length)));
      }
    }));

  it('carries the largest command and the largest response', () =>
    withBench(open, async ({ transport, peer }) => {
      const answered = transport.transmit(frame(LARGEST));
      expect(toHex(await peer.command())).toBe(toHex(frame(LARGEST)));
      peer.answer(frame(LARGEST));
      expect(toHex(await answered)).toBe(toHex(frame(LARGEST)));
    }));

  it('refuses a command that no TPM takes, and is good afterwards', () =>
    withBench(open, async (bench) => {
      await expect(bench.transport.transmit(frame(LARGEST + 1))).rejects.toThrow(RangeError);
      expect(bench.peer.seen).toEqual([]);
      await expectGood(bench);
    }));

  it('sends what comes at once one by one, in order, as it was when it was given', () =>
    withBench(open, async ({ transport, peer }) => {
      const commands = [1, 2, 3, 4].map(command);
      const answers = commands.map((each) => transport.transmit(each));
      for (const each of commands) each.fill(0xee);
      for (const [at, count] of [1, 2, 3, 4].entries()) {
        expect(toHex(await peer.command())).toBe(toHex(command(count)));
        await turns();
        expect(peer.seen).toHaveLength(at + 1);
        peer.answer(frame(20 + count));
      }
      expect((await Promise.all(answers)).map((each) => each.length)).toEqual([21, 22, 23, 24]);
    }));

  it('ends when no answer comes in time, and a late one reaches nobody', () =>
    withBench(
      open,
      async (bench) => {
        const late = 'did not answer within 30 ms';
        const both = [1, 2].map((count) => expect(bench.transport.transmit(command(count))).rejects.toThrow(late));
        await bench.peer.command();
        await Promise.all(both);
        bench.peer.answer(ANSWER);
        await expectEnded(bench);
        expect(bench.peer.seen).toEqual([toHex(command(1))]);
      },
      { timeoutMillis: 30 },
    ));

  it('that is closed in the middle of a command rejects it, those that wait and those that follow', () =>
    withBench(open, async (bench) => {
      const { transport, peer } = bench;
      const waiting = [1, 2].map((count) => expect(transport.transmit(command(count))).rejects.toThrow('is closed'));
      await peer.command();
      await transport.close();
      await Promise.all(waiting);
      peer.answer(ANSWER);
      await expectEnded(bench);
      await transport.close();
    }));

  it.each([
    ['of less than a header', frame(9)],
    ['of more than 4096 bytes', frame(LARGEST + 1)],
  ])('ends at a response %s', (_, response) =>
    withBench(open, async (bench) => {
      const answered = bench.transport.transmit(command(1));
      await bench.peer.command();
      bench.peer.answer(response);
      await expect(answered).rejects.toThrow(/response/);
      await expectEnded(bench);
    }),
  );

  it('ends at a response that is longer than its header says', () =>
    withBench(open, async (bench) => {
      const answered = bench.transport.transmit(command(1));
      await bench.peer.command();
      const response = frame(40);
      response[5] = 39;
      bench.peer.answer(response);
      await expect(answered).rejects.toThrow(/response/);
      await expectEnded(bench);
    }));
}
