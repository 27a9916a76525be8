import { fromHex, toHex } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  blob,
  bytes,
  choose,
  closed,
  constant,
  decode,
  decodePrefix,
  emptyOr,
  encode,
  type Infer,
  i32,
  list,
  listOf,
  mapped,
  open,
  raw,
  rest,
  sized,
  struct,
  u8,
  u16,
  u16le,
  u32,
  u32le,
  u64,
  u64le,
} from '../src/index.ts';

const hex = (text: string) => fromHex(text.replaceAll(' ', ''))!;

const KIND = closed('KIND', u16, { quote: 0x8018, certify: 0x8017 });
const QUOTE = struct('QUOTE').field('digest', blob(u16, 4));
const CERTIFY = struct('CERTIFY').field('a', u8).field('b', u8);
const ATTEST = struct('ATTEST')
  .field('magic', constant(u32, 0xff544347))
  .field('kind', KIND)
  .field('attested', (seen) => choose(seen.kind, { quote: QUOTE, certify: CERTIFY }));
const quote: Infer<typeof ATTEST> = {
  magic: 0xff544347,
  kind: 'quote',
  attested: { is: 'quote', value: { digest: Uint8Array.of(1, 2) } },
};

describe('struct', () => {
  it('reads and writes fields in wire order, a union by an earlier field', () => {
    expect(toHex(encode(ATTEST, quote))).toBe('ff544347801800020102');
    expect(expectOk(decode(ATTEST, hex('ff544347 8018 0002 0102')))).toEqual(quote);
    const certify = expectOk(decode(ATTEST, hex('ff544347 8017 0708')));
    expect(certify.attested).toEqual({ is: 'certify', value: { a: 7, b: 8 } });
  });
  it('names the place of a fault from the outside in, with the offset', () => {
    const outcome = decode(ATTEST, hex('ff544347 8018 0005 0102030405'));
    expect(outcome).toEqual({
      ok: false,
      fault: { code: 'malformed', detail: '5 bytes, at most 4', at: 'ATTEST.attested.QUOTE.digest@6' },
    });
  });
  it.each([
    ['a wrong constant', 'ff544348 8018 0002 0102', 'malformed'],
    ['an unknown member of a closed set', 'ff544347 8019 0002 0102', 'malformed'],
    ['a byte left over', 'ff544347 8018 0002 0102 00', 'trailing-bytes'],
  ])('refuses %s', (_, text, code) => expect(decode(ATTEST, hex(text))).toMatchObject({ ok: false, fault: { code } }));
  it('gives a value or a fault for every truncation and every flipped byte', () => {
    const whole = encode(ATTEST, quote);
    for (let length = 0; length < whole.length; length++)
      expect(decode(ATTEST, whole.subarray(0, length)).ok).toBe(false);
    for (let at = 0; at < whole.length; at++)
      for (const flip of [1, 0x80, 0xff]) {
        const changed = Uint8Array.from(whole);
        changed[at]! ^= flip;
        expect(typeof decode(ATTEST, changed).ok).toBe('boolean');
      }
  });
  it('works on its own copy: a caller that reuses its buffer changes nothing', () => {
    const buffer = hex('0002 0102');
    const decoded = expectOk(decode(QUOTE, buffer));
    buffer.fill(0xee);
    expect(decoded.digest).toEqual(Uint8Array.of(1, 2));
  });
  it('does not take members of Object.prototype for cases', () => {
    expect(decode(choose('constructor', { quote: QUOTE }), hex('0000')).ok).toBe(false);
  });
});

describe('numbers', () => {
  it.each([
    [u8, 0xfe, 'fe'],
    [u16, 0x1234, '1234'],
    [u16le, 0x1234, '3412'],
    [u32, 0xfedcba98, 'fedcba98'],
    [u32le, 0xfedcba98, '98badcfe'],
    [i32, -2, 'fffffffe'],
  ])('%# round-trips', (codec, value, text) => {
    expect(toHex(encode(codec, value))).toBe(text);
    expect(expectOk(decode(codec, hex(text)))).toBe(value);
  });
  it('writes past the room a writer starts with, at every place where it grows', () => {
    for (const number of [u8, u16, u32, i32])
      for (let before = 56; before < 72; before++) {
        const codec = struct('grows').field('head', bytes(before)).field('number', number);
        expect(encode(codec, { head: new Uint8Array(before), number: 5 }).at(-1)).toBe(5);
      }
    const codec = struct('grows').field('head', bytes(60)).field('number', u64);
    expect(encode(codec, { head: new Uint8Array(60), number: 5n }).at(-1)).toBe(5);
  });
  it('keeps 64 bits whole', () => {
    expect(toHex(encode(u64, 0xfedcba9876543210n))).toBe('fedcba9876543210');
    expect(expectOk(decode(u64le, hex('1032547698badcfe')))).toBe(0xfedcba9876543210n);
  });
  it('refuses to write what does not fit', () => {
    expect(() => encode(u8, 256)).toThrow(RangeError);
    expect(() => encode(u16, 1.5)).toThrow(RangeError);
    expect(() => encode(u64, -1n)).toThrow(RangeError);
    expect(() => encode(i32, 0x80000000)).toThrow(RangeError);
  });
  it('keeps an unnamed number of an open set', () => {
    const ALG = open('ALG', u16, { sha256: 11 });
    expect(expectOk(decode(ALG, hex('000b')))).toBe('sha256');
    expect(expectOk(decode(ALG, hex('0099')))).toBe(0x99);
    expect(toHex(encode(ALG, 0x99))).toBe('0099');
  });
});

describe('blobs and lists', () => {
  it('reads a sized value that fills its size exactly', () => {
    const SIZED = sized(u16, 16, CERTIFY);
    expect(expectOk(decode(SIZED, hex('0002 0102')))).toEqual({ a: 1, b: 2 });
    for (const text of ['0003 010203', '0001 01', '0011 0102'])
      expect(decode(SIZED, hex(text))).toMatchObject({ ok: false, fault: { code: 'malformed' } });
    expect(toHex(encode(SIZED, { a: 1, b: 2 }))).toBe('00020102');
  });
  it('tells an empty value from a missing one', () => {
    const OPTIONAL = emptyOr(u16, 16, CERTIFY);
    expect(expectOk(decode(OPTIONAL, hex('0000')))).toBeUndefined();
    expect(expectOk(decode(OPTIONAL, hex('0002 0102')))).toEqual({ a: 1, b: 2 });
    expect(toHex(encode(OPTIONAL, undefined))).toBe('0000');
    expect(toHex(encode(OPTIONAL, { a: 1, b: 2 }))).toBe('00020102');
  });
  it('keeps the bytes a value was read from', () => {
    const received = expectOk(decode(sized(u16, 16, raw(CERTIFY)), hex('0002 0102')));
    expect(received.value).toEqual({ a: 1, b: 2 });
    expect(toHex(received.bytes)).toBe('0102');
    expect(toHex(encode(raw(CERTIFY), received))).toBe('0102');
  });
  it('refuses a count before it reads an item', () => {
    expect(decode(list(u32, 3, u8), hex('ffffffff 00'))).toMatchObject({
      ok: false,
      fault: { detail: '4294967295 items, at most 3' },
    });
    expect(expectOk(decode(list(u32, 3, u8), hex('00000002 0506')))).toEqual([5, 6]);
    expect(toHex(encode(list(u32, 3, u8), [5, 6]))).toBe('000000020506');
    expect(toHex(encode(listOf(2, u8), [5, 6]))).toBe('0506');
    expect(() => encode(list(u32, 1, u8), [5, 6])).toThrow(RangeError);
    expect(() => encode(listOf(1, u8), [5, 6])).toThrow(RangeError);
  });
  it('takes the rest within a bound, or a prefix', () => {
    expect(expectOk(decode(rest(3), hex('010203')))).toEqual(Uint8Array.of(1, 2, 3));
    expect(decode(rest(2), hex('010203')).ok).toBe(false);
    expect(expectOk(decodePrefix(bytes(2), hex('010203')))).toEqual({ value: Uint8Array.of(1, 2), length: 2 });
  });
  it('maps to another shape, or says why not', () => {
    const flag = mapped(
      u8,
      'must be 0 or 1',
      (n) => (n < 2 ? { on: n === 1 } : undefined),
      (v) => (v.on ? 1 : 0),
    );
    expect(expectOk(decode(flag, hex('01')))).toEqual({ on: true });
    expect(decode(flag, hex('02'))).toMatchObject({ fault: { detail: 'must be 0 or 1' } });
    expect(toHex(encode(flag, { on: true }))).toBe('01');
  });
});
