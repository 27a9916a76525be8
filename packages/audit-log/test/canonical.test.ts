import { Secret } from '@sekimori/crypto-core';
import { expect, it } from 'vitest';
import { type JsonValue, canonicalJson, checkedJson } from '../src/index.ts';

it('sorts names by UTF-16 code units and escapes as RFC 8785 section 3.2 shows', () => {
  expect(
    canonicalJson({
      '€': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '😀': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      ö: 'Latin Small Letter O With Diaeresis',
    }),
  ).toBe(
    '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis",' +
      '"€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
  );
  expect(canonicalJson('€$\u000f\nA\'B"\\\\"/')).toBe('"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"');
  expect(canonicalJson([null, true, false, 0, -0, -7, Number.MAX_SAFE_INTEGER, [], {}])).toBe(
    '[null,true,false,0,0,-7,9007199254740991,[],{}]',
  );
});

it('keeps a member that is named like a prototype', () => {
  const value = JSON.parse('{"__proto__":{"a":1},"constructor":2}') as JsonValue;
  expect(canonicalJson(value)).toBe('{"__proto__":{"a":1},"constructor":2}');
});

it.each([
  ['a Secret', { key: new Secret(new Uint8Array(4)) }],
  ['a Date', new Date(0)],
  ['bytes', [new Uint8Array(1)]],
  ['a map', new Map()],
  ['undefined', { a: undefined }],
  ['a bigint', 1n],
  ['a function', () => 1],
  ['a fraction', 0.5],
  ['an unsafe integer', 2 ** 53],
  ['NaN', Number.NaN],
  ['a hole', [1, , 2]], // oxlint-disable-line no-sparse-arrays
  ['a lone surrogate', 'x\ud800'],
  ['a lone surrogate in a name', { '\udc00': 1 }],
  ['a symbol as name', { [Symbol('s')]: 1 }],
])('refuses %s', (_, value) => {
  expect(checkedJson(value)).toMatchObject({ ok: false, fault: { code: 'not-canonical' } });
  expect(() => canonicalJson(value as JsonValue)).toThrow(TypeError);
});

it('ends at a depth, for a circle too', () => {
  const circle: unknown[] = [];
  circle.push(circle);
  expect(checkedJson(circle).ok).toBe(false);
});
