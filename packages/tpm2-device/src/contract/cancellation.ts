import { toHex } from '@sekimori/bytes';
import { expect, it } from 'vitest';
import {
  aborting,
  ANSWER,
  CANCELED,
  type CancellationPeer,
  command,
  expectEnded,
  expectGood,
  frame,
  type OpenBench,
  type TransportBench,
  turns,
  withBench,
} from './bench.ts';

/** Commands that are given up before their turn. */
export function withdrawalContract(open: OpenBench): void {
  it('takes a command back that waits, and goes on with the others', () =>
    withBench(open, async (bench) => {
      const { transport, peer } = bench;
      const first = transport.transmit(command(1));
      const [gone, kept] = [new AbortController(), new AbortController()];
      const second = transport.transmit(command(2), { signal: gone.signal });
      const third = transport.transmit(command(3), { signal: kept.signal });
      await peer.command();
      gone.abort(new Error('not wanted any more'));
      await expect(second).rejects.toThrow('not wanted any more'); // before its turn has come
      peer.answer(ANSWER);
      expect(toHex(await first)).toBe(toHex(ANSWER));
      expect(toHex(await peer.command())).toBe(toHex(command(3)));
      peer.answer(ANSWER);
      await third;
      kept.abort(); // of a command that is over
      await turns();
      expect(peer.seen).toEqual([toHex(command(1)), toHex(command(3))]);
      await expectGood(bench);
    }));

  it('does not send a command whose signal was aborted before', () =>
    withBench(open, async (bench) => {
      const reason = { name: 'a reason that is no Error' };
      const gone = bench.transport.transmit(command(1), { signal: AbortSignal.abort(reason) });
      await expect(gone).rejects.toMatchObject({ cause: reason });
      await expectGood(bench);
      expect(bench.peer.seen).toEqual([toHex(command(98))]);
    }));
}

/** A channel without a word for it. */
export function noCancellationContract(open: OpenBench): void {
  it('that cannot cancel leaves the command under way, and ends', () =>
    withBench(open, async (bench) => {
      const { signal, abort } = aborting();
      const answered = bench.transport.transmit(command(1), { signal });
      await bench.peer.command();
      abort();
      await expect(answered).rejects.toThrow('given up');
      bench.peer.answer(CANCELED);
      await expectEnded(bench);
    }));
}

/** A channel that can ask the TPM to leave off. */
export function cancellationContract(open: OpenBench): void {
  const withCancellation = (work: (bench: TransportBench, cancellation: CancellationPeer) => Promise<void>) =>
    withBench(open, (bench) => work(bench, bench.peer.cancellation!));

  it.each([
    ['TPM_RC_CANCELED', CANCELED],
    ['its result', frame(30)],
  ])('cancels the command under way, answered by %s, and goes on', (_, response) =>
    withCancellation(async (bench, cancellation) => {
      const { transport, peer } = bench;
      const { signal, abort } = aborting();
      const answered = transport.transmit(command(1), { signal });
      const next = transport.transmit(command(2));
      await peer.command();
      abort();
      await cancellation.raised();
      peer.answer(response);
      expect(toHex(await answered)).toBe(toHex(response));
      expect(toHex(await peer.command())).toBe(toHex(command(2)));
      peer.answer(ANSWER);
      await next;
      await expectGood(bench);
      const between = peer.seen.slice(1, peer.seen.indexOf(toHex(command(2))));
      expect([['cancel'], ['cancel', 'uncancel']]).toContainEqual(between);
      expect(peer.seen.filter((each) => each === 'cancel')).toHaveLength(1);
    }),
  );

  it('does not send the next command while a cancellation is on its way', () =>
    withCancellation(async ({ transport, peer }, cancellation) => {
      const release = cancellation.hold();
      const { signal, abort } = aborting();
      const answered = transport.transmit(command(1), { signal });
      const next = transport.transmit(command(2));
      await peer.command();
      abort();
      await cancellation.raised();
      peer.answer(CANCELED);
      await turns();
      expect(peer.seen).toEqual([toHex(command(1)), 'cancel']);
      release();
      expect(toHex(await answered)).toBe(toHex(CANCELED));
      expect(toHex(await peer.command())).toBe(toHex(command(2)));
      peer.answer(ANSWER);
      await next;
    }));

  it('ends when a cancellation is refused', () =>
    withCancellation(async (bench, cancellation) => {
      cancellation.refuse();
      const { signal, abort } = aborting();
      const answered = bench.transport.transmit(command(1), { signal });
      await bench.peer.command();
      abort();
      await expect(answered).rejects.toThrow(/cancel/);
      await expectEnded(bench);
    }));
}
