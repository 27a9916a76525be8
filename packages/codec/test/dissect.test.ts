import { fromHex } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  blob,
  choose,
  closed,
  type Codec,
  constant,
  decode,
  type Dissected,
  dissect,
  emptyOr,
  list,
  listOf,
  mapped,
  raw,
  rest,
  sized,
  struct,
  u8,
  u16,
  u32,
} from '../src/index.ts';

const hex = (text: string) => fromHex(text.replaceAll(' ', ''))!;

/** A tree as lines: indentation, offset+length, key, name, value. */
function lines(node: Dissected, depth = 0): readonly string[] {
  const { name, key, offset, length, parts } = node;
  const value = 'value' in node ? ` = ${String(node.value)}` : '';
  const label = key === undefined ? name : `${key}: ${name}`;
  return [
    `${'  '.repeat(depth)}${offset}+${length} ${label}${value}`,
    ...parts.flatMap((part) => lines(part, depth + 1)),
  ];
}

const PAIR = struct('PAIR').field('a', u8).field('b', u16);
const EVERY = struct('EVERY')
  .field('magic', constant(u16, 0xfeed))
  .field('kind', closed('KIND', u8, { pair: 1, text: 2 }))
  .field('chosen', (seen) => choose(seen.kind, { pair: PAIR, text: blob(u8, 8, 'TEXT') }))
  .field('wrapped', sized(u16, 16, raw(PAIR), 'WRAPPED'))
  .field('missing', emptyOr(u8, 16, PAIR))
  .field('items', list(u8, 4, blob(u8, 4, 'ITEM')))
  .field('two', listOf(2, u8))
  .field('rest', rest(4));
const BYTES = hex('feed 01 050006 0003 070008 00 02 01aa 02bbcc 0d0e ff');

describe('dissect', () => {
  it('gives each value with its type, field, offset and length', () => {
    const { tree, fault } = dissect(EVERY, BYTES);
    expect(fault).toBeUndefined();
    expect(lines(tree)).toEqual([
      '0+21 EVERY',
      '  0+2 magic: constant 0xfeed = 65261',
      '  2+1 kind: KIND = pair',
      '  3+3 chosen: PAIR',
      '    3+1 a: u8 = 5',
      '    4+2 b: u16 = 6',
      '  6+5 wrapped: WRAPPED',
      '    6+2 size: u16 = 3',
      '    8+3 PAIR',
      '      8+1 a: u8 = 7',
      '      9+2 b: u16 = 8',
      '  11+1 missing: PAIR',
      '    11+1 size: u8 = 0',
      '  12+6 items: list(ITEM)',
      '    12+1 count: u8 = 2',
      '    13+2 0: ITEM = 170',
      '    15+3 1: ITEM = 187,204',
      '  18+2 two: list(u8)',
      '    18+1 0: u8 = 13',
      '    19+1 1: u8 = 14',
      '  20+1 rest: rest = 255',
    ]);
  });
  it('calls a list by a name of its own', () => {
    expect(lines(dissect(list(u8, 4, u16, 'TPML'), hex('01 0005')).tree)).toEqual([
      '0+3 TPML',
      '  0+1 count: u8 = 1',
      '  1+2 0: u16 = 5',
    ]);
  });
  it('shows what a value stands for where it has another shape than its parts', () => {
    const sum = mapped(
      PAIR,
      'no sum',
      ({ a, b }) => a + b,
      (value) => ({ a: 0, b: value }),
    );
    expect(lines(dissect(sum, hex('01 0002')).tree)).toEqual(['0+3 PAIR = 3', '  0+1 a: u8 = 1', '  1+2 b: u16 = 2']);
  });
  it.each<readonly [string, Codec<unknown>, string, readonly string[]]>([
    ['a truncated field', PAIR, '01 00', ['0+1 PAIR', '  0+1 a: u8 = 1', '  1+0 b: u16']],
    [
      'an unknown member of a closed set',
      EVERY,
      'feed 03',
      ['0+3 EVERY', '  0+2 magic: constant 0xfeed = 65261', '  2+1 kind: KIND'],
    ],
    ['a size over its bound', sized(u16, 2, PAIR), '0003 010002', ['0+2 PAIR', '  0+2 size: u16 = 3']],
    ['a size over what is there', sized(u16, 9, PAIR), '0004 010002', ['0+2 PAIR', '  0+2 size: u16 = 4']],
    [
      'a byte left over inside',
      sized(u16, 9, u8, 'ONE'),
      '0002 0102',
      ['0+3 ONE', '  0+2 size: u16 = 2', '  2+1 u8 = 1'],
    ],
    [
      'a count without items',
      list(u32, 9, u8),
      '00000003 0102',
      ['0+6 list(u8)', '  0+4 count: u32 = 3', '  4+1 0: u8 = 1', '  5+1 1: u8 = 2', '  6+0 2: u8'],
    ],
    ['a byte after all', u8, '0102', ['0+1 u8 = 1']],
    ['nothing', u8, '', ['0+0 u8']],
  ])('reads as far as it gets: %s', (_, codec, text, expected) => {
    const outcome = dissect(codec, hex(text));
    expect(lines(outcome.tree)).toEqual(expected);
    const decoded = decode(codec, hex(text));
    expect(decoded.ok).toBe(false);
    expect({ ok: false, fault: outcome.fault }).toEqual(decoded);
  });
  it('agrees with decode for every truncation and every flipped byte, within the input', () => {
    const inputs = [...BYTES.keys()].flatMap((at) => [
      BYTES.subarray(0, at),
      ...[0x01, 0x80, 0xff].map((flip) => BYTES.map((byte, index) => (index === at ? byte ^ flip : byte))),
    ]);
    for (const input of inputs) {
      const { tree, fault } = dissect(EVERY, input);
      const decoded = decode(EVERY, input);
      expect(fault).toEqual(decoded.ok ? undefined : decoded.fault);
      const within = (node: Dissected): void => {
        expect(node.offset + node.length).toBeLessThanOrEqual(input.length);
        for (const part of node.parts) {
          expect(part.offset).toBeGreaterThanOrEqual(node.offset);
          expect(part.offset + part.length).toBeLessThanOrEqual(node.offset + node.length);
          within(part);
        }
      };
      within(tree);
    }
  });
  it('keeps nothing of the caller’s buffer', () => {
    const buffer = hex('0002 0102');
    const { tree } = dissect(blob(u16, 4), buffer);
    buffer.fill(0xee);
    expect(tree.value).toEqual(Uint8Array.of(1, 2));
  });
  it('lets a codec of another package have parts of its own, or none', () => {
    const apart: Codec<number> = { name: 'APART', read: (r) => r.read(u8, 'first') + r.read(u8), write: () => {} };
    const whole: Codec<number> = { name: 'WHOLE', read: (r) => u8.read(r) + r.part(1).u8(), write: () => {} };
    const both = struct('BOTH').field('apart', apart).field('whole', whole);
    expect(expectOk(decode(both, hex('01020304')))).toEqual({ apart: 3, whole: 7 });
    expect(lines(dissect(both, hex('01020304')).tree)).toEqual([
      '0+4 BOTH',
      '  0+2 apart: APART',
      '    0+1 first: u8 = 1',
      '    1+1 u8 = 2',
      '  2+2 whole: WHOLE = 7',
    ]);
  });
  it('does not hide a bug of a codec', () => {
    const broken: Codec<never> = {
      name: 'broken',
      read: () => {
        throw new TypeError('a bug');
      },
      write: () => {},
    };
    expect(() => dissect(broken, hex(''))).toThrow('a bug');
    expect(() => decode(broken, hex(''))).toThrow('a bug');
  });
});
