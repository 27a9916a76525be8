import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  type Baseline,
  captureBaseline,
  diffBaseline,
  MINIMUM_PCRS,
  nearestBaseline,
  parseBaseline,
} from '../src/index.ts';
import { acceptedLog, AT, baselineOf, PCRS, quoteOf, logOf } from './subjects.ts';

const label = { id: 'b1', name: 'first', at: AT };
const codeOf = (value: unknown) => {
  const outcome = parseBaseline(value);
  return outcome.ok ? 'parsed' : outcome.fault.code;
};

describe('captureBaseline', () => {
  it('names every boot PCR, and the events behind them', () => {
    const baseline = baselineOf('uki-plain', 'b1');
    expect(Object.keys(baseline.pcrs).map(Number)).toEqual(PCRS);
    expect(baseline).toMatchObject({
      schema: 'sekimori-baseline/1',
      id: 'b1',
      at: '2026-01-02T03:04:05.678Z',
      bank: 'sha256',
    });
    expect(baseline.events).toHaveLength(36);
    expect(baseline.events[28]).toEqual({
      index: 29,
      pcr: 11,
      type: 'EV_IPL',
      digest: expect.stringMatching(/^3bf355d4/),
      description: 'content of UKI section .cmdline',
    });
  });

  it('refuses the log of another quote', () => {
    expect(captureBaseline(acceptedLog('uki-plain'), quoteOf('uki-snakeoil'), label)).toMatchObject({
      fault: { code: 'baseline-other-quote' },
    });
  });

  it.each(MINIMUM_PCRS.filter((pcr) => pcr > 7))('refuses a quote without PCR %d', (pcr) => {
    const quote = quoteOf(
      'uki-plain',
      {},
      PCRS.filter((index) => index !== pcr),
    );
    expect(captureBaseline(expectOk(logOf('uki-plain', quote)), quote, label)).toMatchObject({
      fault: { code: 'baseline-incomplete' },
    });
  });

  it.each([
    { ...label, id: '../b1' },
    { ...label, id: '' },
    { ...label, name: '' },
    { ...label, name: 'a\nb' },
    { ...label, at: new Date(Number.NaN) },
  ])('refuses the label %j', (bad) => {
    expect(captureBaseline(acceptedLog('uki-plain'), quoteOf('uki-plain'), bad)).toMatchObject({
      fault: { code: 'baseline-malformed' },
    });
  });
});

describe('parseBaseline', () => {
  it('reads back what was written', () => {
    const baseline = baselineOf('shim-ms');
    expect(expectOk(parseBaseline(JSON.parse(JSON.stringify(baseline))))).toEqual(baseline);
  });

  const good = baselineOf('uki-plain') as unknown as Record<string, unknown>;
  const pcrs = good['pcrs'] as Record<string, string>;
  const events = good['events'] as Record<string, unknown>[];
  const withFirst = (change: Record<string, unknown>) => ({
    ...good,
    events: [{ ...events[0], ...change }, ...events.slice(1)],
  });

  it.each(Object.keys(good))('wants %s', (key) => {
    const { [key]: _, ...rest } = good;
    expect(codeOf(rest)).toBe('baseline-malformed');
  });

  it.each(MINIMUM_PCRS)('wants PCR %d', (pcr) => {
    const { [pcr]: _, ...rest } = pcrs;
    expect(codeOf({ ...good, pcrs: rest, events: [] })).toBe('baseline-malformed');
  });

  it.each([
    ['null', null],
    ['a list', [good]],
    ['a text', 'baseline'],
    ['an unknown field', { ...good, extra: 1 }],
    ['another schema', { ...good, schema: 'sekimori-baseline/2' }],
    ['SHA-1', { ...good, bank: 'sha1' }],
    ['values of another bank', { ...good, bank: 'sha384' }],
    ['a path as id', { ...good, id: 'a/b' }],
    ['a name with control characters', { ...good, name: '\u001b[2J' }],
    ['a time that is none', { ...good, at: '2026-02-30T00:00:00.000Z' }],
    ['a PCR that grows', { ...good, pcrs: { ...pcrs, 10: pcrs['0'] } }],
    ['upper-case digits', { ...good, pcrs: { ...pcrs, 0: pcrs['0']?.toUpperCase() } }],
    ['a short value', { ...good, pcrs: { ...pcrs, 0: pcrs['0']?.slice(2) } }],
    ['events that are no list', { ...good, events: {} }],
    ['more events than a log has', { ...good, events: Array.from({ length: 16_385 }, () => events[0]) }],
    ['an event of a PCR it does not name', withFirst({ pcr: 15 })],
    ['events out of order', withFirst({ index: 99 })],
    ['an event with an unknown field', withFirst({ data: '' })],
    ['an event of a broken index', withFirst({ index: 1.5 })],
    ['an event with a long description', withFirst({ description: 'x'.repeat(241) })],
  ])('refuses %s', (_, value) => {
    expect(codeOf(value)).toBe('baseline-malformed');
  });
});

describe('diff', () => {
  it('of a boot and its own baseline is empty', () => {
    expect(diffBaseline(baselineOf('uki-plain'), acceptedLog('uki-plain'))).toEqual([]);
  });

  it('of two baselines says in words what changed', () => {
    const words = diffBaseline(baselineOf('uki-plain'), baselineOf('uki-cmdline-changed')).map((each) => each.words);
    expect(words[0]).toMatch(
      /^PCR 11 \(unified kernel image\): event 29, «content of UKI section \.cmdline», has the digest c2d91125[0-9a-f]{56}; expected 3bf355d4[0-9a-f]{56}$/,
    );
  });

  it('names what was added and removed', () => {
    const [difference] = diffBaseline(baselineOf('uki-plain'), acceptedLog('shim-ms')).filter(({ pcr }) => pcr === 14);
    expect(difference).toMatchObject({ removed: [], first: { actual: { index: 25, description: 'object MokList' } } });
    expect(difference?.added).toHaveLength(3);
    expect(difference?.words).toContain('is more than expected');
    const [back] = diffBaseline(baselineOf('shim-ms'), acceptedLog('uki-plain')).filter(({ pcr }) => pcr === 14);
    expect(back?.words).toContain('is missing');
  });
});

describe('nearestBaseline', () => {
  const boot = acceptedLog('uki-cmdline-changed');

  it('is the one with the fewest PCRs that differ', () => {
    const baselines = [baselineOf('shim-ms'), baselineOf('uki-snakeoil'), baselineOf('uki-plain')];
    expect(nearestBaseline(baselines, boot)?.baseline.id).toBe('uki-plain');
  });

  it('is then the one with most measurements in common, then the first id', () => {
    const plain = baselineOf('uki-plain', 'z');
    const poorer: Baseline = { ...plain, id: 'a', events: [] };
    expect(nearestBaseline([poorer, plain], boot)?.baseline.id).toBe('z');
    expect(nearestBaseline([plain, { ...plain, id: 'y' }], boot)?.baseline.id).toBe('y');
  });

  it('is none of none', () => {
    expect(nearestBaseline([], boot)).toBeUndefined();
  });
});
