import { describe, expect, it } from 'vitest';
import {
  concat,
  copyOf,
  equal,
  equalConstantTime,
  fromUtf8,
  isAllZero,
  leftPad,
  stripTrailingZeros,
  lengthPrefixed,
  toHex,
  u16be,
  u32be,
  u64be,
  utf8,
} from '../src/index.ts';

describe('arrays', () => {
  it('joins, copies and compares', () => {
    const a = Uint8Array.of(1, 2);
    const copy = copyOf(a);
    a[0] = 9;
    expect(copy).toEqual(Uint8Array.of(1, 2));
    expect(concat(copy, new Uint8Array(0), Uint8Array.of(3))).toEqual(Uint8Array.of(1, 2, 3));
    for (const compare of [equal, equalConstantTime]) {
      expect(compare(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
      expect(compare(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
      expect(compare(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBe(false);
    }
  });
  it('pads numbers to a width and says when they do not fit', () => {
    expect(leftPad(Uint8Array.of(0, 0, 5), 2)).toEqual(Uint8Array.of(0, 5));
    expect(leftPad(Uint8Array.of(1, 0, 5), 2)).toBeUndefined();
    expect(stripTrailingZeros(Uint8Array.of(0, 5, 0, 0))).toEqual(Uint8Array.of(0, 5));
    expect(stripTrailingZeros(new Uint8Array(2))).toHaveLength(0);
    expect(isAllZero(new Uint8Array(3))).toBe(true);
    expect(isAllZero(Uint8Array.of(0, 1))).toBe(false);
  });
});

it('writes numbers big-endian', () => {
  expect(toHex(concat(u16be(0x8001), u32be(0xff544347), u64be(0x0102030405060708n)))).toBe(
    '8001ff5443470102030405060708',
  );
});

it('joins parts behind their lengths', () => {
  expect(toHex(lengthPrefixed(utf8('ab'), new Uint8Array(0), Uint8Array.of(1)))).toBe('000000026162000000000000000101');
  expect(lengthPrefixed()).toHaveLength(0);
});

it('refuses bytes that are not UTF-8', () => {
  expect(fromUtf8(utf8('関守'))).toBe('関守');
  expect(fromUtf8(Uint8Array.of(0xc0, 0x80))).toBeUndefined();
});
