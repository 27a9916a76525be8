import { fromHex, toHex } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { der, readDer, readDerPrefix } from '../src/index.ts';

const hex = (text: string) => fromHex(text)!;

describe('DER', () => {
  it('writes what openssl writes', () => {
    expect(toHex(der.sequence(der.integer(127), der.integer(128), der.integer(0)))).toBe(
      '300a02017f020200800201 00'.replace(' ', ''),
    );
    expect(toHex(der.oid('1.2.840.113549.1.1.11'))).toBe('06092a864886f70d01010b');
    expect(toHex(der.oid('2.5.29.19'))).toBe('0603551d13');
    expect(toHex(der.octetString(new Uint8Array(200)).subarray(0, 3))).toBe('0481c8');
    expect(toHex(der.tagged(0, der.boolean(true)))).toBe('a0030101ff');
  });
  it('reads back identifiers with arcs of 128 bits', () => {
    const name = '2.25.340282366920938463463374607431768211455.1';
    expect(der.oidOf(expectOk(readDer(der.oid(name))))).toBe(name);
  });
  it.each([
    '0.9.2342',
    '1.39.1',
    '2.999.3',
    `2.${2n ** 60n}`,
    ...[41n, 42n, 48n, 49n, 50n, 56n, 64n].map((n) => `1.2.${2n ** n - 1n}.${2n ** n}`),
  ])('reads back the identifier %s', (name) => expect(der.oidOf(expectOk(readDer(der.oid(name))))).toBe(name));
  it.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['an indefinite length', '30800000'],
    ['a length longer than need be', '3081050102030405'],
    ['a length with a leading zero', '30820005010203 0405'.replace(' ', '')],
    ['a length past the end', '3005010203'],
    ['a tag of several bytes', '1f8101 00'.replace(' ', '')],
    ['bytes that follow', '0500ff'],
  ])('refuses %s', (_, text) => expect(readDer(hex(text))).toMatchObject({ ok: false, fault: { code: 'malformed' } }));
  it('reads a prefix and children', () => {
    const node = expectOk(readDerPrefix(hex('3006020101020102ffff')));
    expect(expectOk(der.children(node)).map((child) => child.content[0])).toEqual([1, 2]);
    expect(der.children(expectOk(readDer(hex('3003020501')))).ok).toBe(false);
  });
  it('refuses identifiers and integers that are not in their form', () => {
    for (const text of ['0600', '06028001', '06022a86'])
      expect(der.oidOf(expectOk(readDer(hex(text))))).toBeUndefined();
    for (const text of ['0200', '0201ff']) expect(der.unsignedOf(expectOk(readDer(hex(text))))).toBeUndefined();
    expect(der.bitsOf(expectOk(readDer(hex('03020780'))))).toBeUndefined();
  });
});
