import { OutageError } from '@sekimori/client';
import { fail, ok, type Result } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { Failover } from '../src/index.ts';
import { SharedWork } from '../src/shared-work.ts';
import { refusal } from './support/fake-service.ts';

const places = ['https://a', 'https://b', 'https://c'].map((url) => ({ url }));

function aFailover() {
  let now = 0;
  const failover = new Failover({ now: () => new Date(now) });
  const asked: string[] = [];
  /** Answers by the first letter of the host. */
  const ask = (answers: Readonly<Record<string, () => Promise<Result<string>> | Result<string>>>) =>
    failover.ask(places, async ({ url }) => {
      asked.push(url.slice(8));
      return answers[url.slice(8)]!();
    });
  return { failover, asked, ask, pass: (millis: number) => void (now += millis) };
}

const out = async () => Promise.reject(new OutageError('https://x', 'nothing listens there'));
const good = () => ok('yes');
const serverError = (status: number) => () =>
  ({ ok: false, fault: { code: 'not-ready', detail: 'stopping', status, traceId: 't' } }) as const;

describe('several addresses', () => {
  it('are asked in their order; what is out, or fails by itself, is passed over', async () => {
    const { asked, ask, failover } = aFailover();
    expect(await ask({ a: out, b: serverError(503), c: good })).toEqual(ok({ place: places[2], value: 'yes' }));
    expect(asked).toEqual(['a', 'b', 'c']);
    expect(failover.answered).toBe('https://c');
  });

  it.each([
    ['a refusal', () => refusal('policy-denied')],
    ['too many requests', serverError(429)],
    ['a fault of this host', () => fail('tpm-error', 'x')],
  ])('no other is asked after %s', async (_, answer) => {
    const { asked, ask } = aFailover();
    expect(await ask({ a: answer, b: good })).toMatchObject({ ok: false });
    expect(asked).toEqual(['a']);
  });

  it('that failed come last for a while; the first is returned to by itself', async () => {
    const { asked, ask, pass, failover } = aFailover();
    await ask({ a: out, b: good });
    pass(29_999);
    await ask({ a: good, b: good });
    expect(asked.splice(0)).toEqual(['a', 'b', 'b']);
    expect(failover.failureOf('https://a')).toContain('nothing listens there');
    pass(1);
    expect(failover.failureOf('https://a')).toBeUndefined();
    await ask({ a: good });
    expect(asked).toEqual(['a']);
  });

  it('that failed are asked all the same where nothing else is left', async () => {
    const { asked, ask } = aFailover();
    await ask({ a: out, b: out, c: good });
    expect(await ask({ a: good, b: out, c: out })).toMatchObject({ value: { place: { url: 'https://a' } } });
    expect(asked).toEqual(['a', 'b', 'c', 'c', 'a']);
  });

  it('that are all out: each is named', async () => {
    const { ask } = aFailover();
    await expect(ask({ a: out, b: serverError(500), c: out })).rejects.toThrow(
      /any of 3 addresses.*nothing listens there; https:\/\/b answers not-ready: stopping; /,
    );
  });

  it('a clock that is set back does not keep an address aside', async () => {
    const { ask, pass, failover } = aFailover();
    pass(3_600_000);
    await ask({ a: out, b: good });
    pass(-3_600_000);
    expect(failover.failureOf('https://a')).toBeUndefined();
  });

  it('one alone fails as it would without all this', async () => {
    const failover = new Failover({ now: () => new Date(0) });
    const [one] = places;
    const error = new OutageError('https://a', 'gone');
    await expect(failover.ask([one!], () => Promise.reject(error))).rejects.toBe(error);
    expect(await failover.ask([one!], async () => serverError(500)())).toEqual(serverError(500)());
    await expect(failover.ask([one!], () => Promise.reject(new Error('a bug')))).rejects.toThrow('a bug');
    expect(failover.answered).toBeUndefined();
  });
});

describe('shared work', () => {
  it('is done once for all who ask at the same time, and one after the other', async () => {
    const work = new SharedWork<string>();
    const log: string[] = [];
    const doing = (name: string) => async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} ends`);
      return name;
    };
    const [first, second] = [work.do('a', doing('a')), work.do('b', doing('b'))];
    expect(await Promise.all([work.do('a', doing('no')), first, second, work.do('b', doing('no'))])).toEqual([
      'a',
      'a',
      'b',
      'b',
    ]);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(await work.do('a', async () => 'again')).toBe('again');
  });

  it('that fails is the failure of all who shared it, and of nobody after', async () => {
    const work = new SharedWork<string>();
    const both = [work.do('a', () => Promise.reject(new Error('gone'))), work.do('a', async () => 'no')];
    for (const each of both) await expect(each).rejects.toThrow('gone');
    expect(await work.do('a', async () => 'yes')).toBe('yes');
  });
});
