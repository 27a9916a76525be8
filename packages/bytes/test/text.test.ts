import { describe, expect, it } from 'vitest';
import * as chosen from '../src/index.ts';
import * as portable from '../src/portable-text.ts';

describe.each([
  ['as the engine allows', chosen],
  ['in script alone', portable],
])('%s', (_, { fromBase64, fromBase64Url, fromHex, toBase64, toBase64Url, toHex }) => {
  it('hex: round-trips every byte', () => {
    const all = Uint8Array.from({ length: 256 }, (_byte, i) => i);
    expect(toHex(all)).toBe(Buffer.from(all).toString('hex'));
    expect(fromHex(toHex(all))).toEqual(all);
    expect(fromHex(toHex(all).toUpperCase())).toEqual(all);
  });
  it.each(['0', '0g', ' 00', '0x00', '00\n', '0 0 '])('hex: refuses %j', (text) =>
    expect(fromHex(text)).toBeUndefined(),
  );

  it('base64: agrees with Node for every length', () => {
    for (let length = 0; length < 70; length++) {
      const bytes = Uint8Array.from({ length }, (_byte, i) => i * 37 + length);
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      expect(toBase64Url(bytes)).toBe(Buffer.from(bytes).toString('base64url'));
      expect(fromBase64(toBase64(bytes))).toEqual(bytes);
      expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes);
    }
  });
  it.each(['A', 'AA', 'AA=', 'AB==', 'AAB=', 'A===', 'AA==AA==', 'AA=A', 'AA -', 'AAA\n', 'é===', '====', 'AAAA    '])(
    'base64: has one text for each value, refuses %j',
    (text) => expect(fromBase64(text)).toBeUndefined(),
  );
  it.each(['A', 'AB', 'AA==', 'AAA=', 'AA=', 'AA+A', 'AA/A', 'AA A', 'AAAA ', 'AAAA\n\n', ' AAAA\t\t\t'])(
    'base64url: refuses %j',
    (text) => expect(fromBase64Url(text)).toBeUndefined(),
  );
});

it('engine and script agree about every text of up to six characters of these', () => {
  const characters = ['A', 'B', '=', ' ', '-', '+'];
  const differing: string[] = [];
  let texts = [''];
  for (let length = 0; length <= 6; length++) {
    for (const text of texts) {
      const same = [
        chosen.fromBase64(text)?.join() === portable.fromBase64(text)?.join(),
        chosen.fromBase64Url(text)?.join() === portable.fromBase64Url(text)?.join(),
      ];
      if (same.includes(false)) differing.push(text);
    }
    texts = length < 6 ? texts.flatMap((text) => characters.map((character) => text + character)) : texts;
  }
  expect(differing).toEqual([]);
});
