import { toHex, utf8 } from '@sekimori/bytes';
import { der } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { readingDer } from '../src/asn1.ts';
import { type DistinguishedName, writeName } from '../src/index.ts';
import { ipBytes, ipText } from '../src/ip.ts';
import { readName } from '../src/names.ts';
import { timeOf, writeTime } from '../src/time.ts';

const node = (bytes: Uint8Array) => expectOk(der.readDer(bytes));
const nameFrom = (bytes: Uint8Array): DistinguishedName =>
  expectOk(readingDer('certificate-malformed', () => readName(node(bytes), 'name')));

describe('times', () => {
  it.each([
    ['1950-01-01T00:00:00Z', '170d', '500101000000Z'],
    ['2049-12-31T23:59:59Z', '170d', '491231235959Z'],
    ['2050-01-01T00:00:00Z', '180f', '20500101000000Z'],
    ['9999-12-31T23:59:59Z', '180f', '99991231235959Z'],
  ])('writes and reads %s', (text, header, digits) => {
    const written = writeTime(new Date(text));
    expect(toHex(written)).toBe(header + toHex(utf8(digits)));
    expect(timeOf(node(written))).toEqual(new Date(text));
  });
  it.each([
    [0x17, '2601010000Z'],
    [0x17, '260101000000+0100'],
    [0x17, '261301000000Z'],
    [0x17, '260230000000Z'],
    [0x17, '260101000060Z'],
    [0x17, '260101240000Z'],
    [0x18, '20260101000000.5Z'],
    [0x18, '00500101000000Z'],
    [0x18, '260101000000Z'],
    [0x18, '20260101000000Z20260101000000Z'],
    [0x0c, '20260101000000Z'],
    [0x17, ''],
  ])('refuses %s %s', (tag, text) => expect(timeOf(node(der.element(tag, utf8(text))))).toBeUndefined());
  it('does not write what a certificate cannot tell', () => {
    expect(() => writeTime(new Date('1949-12-31T23:59:59Z'))).toThrow(RangeError);
    expect(() => writeTime(new Date(Number.NaN))).toThrow(RangeError);
  });
});

describe('names', () => {
  it('shows RFC 4514 text, with what could fool a terminal escaped', () => {
    expect(nameFrom(writeName({ C: 'JP', O: 'Seki, mori', CN: 'a+b' })).text).toBe('CN=a\\+b,O=Seki\\, mori,C=JP');
    expect(nameFrom(writeName({ CN: '#x\u001b[31m\u202e' })).text).toBe('CN=\\#x\\1B[31m\\E2\\80\\AE');
    expect(nameFrom(der.sequence())).toMatchObject({ text: '', isEmpty: true });
  });
  it('is the same name whatever the string type, the case and the order inside a multi-valued RDN', () => {
    const attribute = (oid: string, tag: number, text: string) =>
      der.sequence(der.oid(oid), der.element(tag, utf8(text)));
    const [cn, o] = [attribute('2.5.4.3', 0x0c, 'Root  CA'), attribute('2.5.4.10', 0x13, 'Vendor')];
    const [cn2, o2] = [attribute('2.5.4.3', 0x13, 'root ca'), attribute('2.5.4.10', 0x0c, 'Vendor')];
    const one = nameFrom(der.sequence(der.set(cn, o)));
    expect(one.text).toBe('CN=Root  CA+O=Vendor');
    expect(one.matches(nameFrom(der.sequence(der.set(o2, cn2))))).toBe(true);
    expect(one.matches(nameFrom(der.sequence(der.set(o2), der.set(cn2))))).toBe(false);
    expect(one.matches(nameFrom(der.sequence(der.set(attribute('2.5.4.3', 0x0c, 'Root CB'), o))))).toBe(false);
  });
  it('refuses to write an empty or endless part', () => {
    expect(() => writeName({ CN: '' })).toThrow(RangeError);
    expect(() => writeName({ CN: 'x'.repeat(257) })).toThrow(RangeError);
  });
});

describe('IP addresses', () => {
  it.each([
    ['127.0.0.1', '7f000001'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:db8::8:800:200c:417a', '20010db80000000000080800200c417a'],
    ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
    ['fe80::', 'fe800000000000000000000000000000'],
  ])('%s', (text, hex) => {
    expect(toHex(ipBytes(text)!)).toBe(hex);
    expect(ipText(ipBytes(text)!)).toBe(text);
  });
  it.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1::2::3',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'fe80::1%eth0',
    '1:2:3:4:5:6:7::8',
  ])('refuses %s', (text) => expect(ipBytes(text)).toBeUndefined());
});
