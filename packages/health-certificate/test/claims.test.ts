import { concat, utf8 } from '@sekimori/bytes';
import { der } from '@sekimori/crypto-core';
import { describe, expect, it } from 'vitest';
import fuzzClaims from '../fuzz/claims.ts';
import { type Claims, isAtLeast, LEVELS, parseHostId, readClaims, writeClaims } from '../src/index.ts';
import { claims } from './support/setting.ts';

const malformed = { ok: false, fault: { code: 'certificate-malformed' } };

describe('claims', () => {
  const { hostName: _, ...nameless } = claims;
  it.each([
    ['all of them', claims],
    ['no host name', nameless],
    ['a whole second', { ...claims, evidenceTime: new Date('2026-07-01T10:20:00Z') }],
    ['a tenth of a second', { ...claims, evidenceTime: new Date('2026-07-01T10:20:30.100Z') }],
    ['ten milliseconds', { ...claims, evidenceTime: new Date('2026-07-01T00:00:00.010Z') }],
    [
      'zeros and names outside ASCII',
      { ...claims, resetCount: 0, policyVersion: 0, group: '東京', level: 'confidential' as const },
    ],
    ['a name of SHA-384', { ...claims, akName: new Uint8Array(50).fill(9) }],
  ] satisfies [string, Claims][])('come back: %s', (_name, value) => {
    expect(readClaims(writeClaims(value))).toEqual({ ok: true, value });
  });

  it.each([
    ['a host id that is none', { hostId: parseHostId('x')! ?? ('x' as Claims['hostId']) }],
    ['a short hash', { ekHash: new Uint8Array(31) }],
    ['no confirmation key', { cnf: new Uint8Array(0) }],
    ['an AK Name of no known length', { akName: new Uint8Array(22) }],
    ['an empty group', { group: '' }],
    ['a long audience', { audience: 'x'.repeat(256) }],
    ['a line break in a name', { hostName: 'a\nb' }],
    ['a negative count', { resetCount: -1 }],
    ['a count over 32 bits', { restartCount: 2 ** 32 }],
    ['half a version', { policyVersion: 1.5 }],
    ['a time that is none', { evidenceTime: new Date(Number.NaN) }],
    ['a level nobody knows', { level: 'perfect' as 'measured' }],
  ] satisfies [string, Partial<Claims>][])('are not written with %s', (_name, part) => {
    expect(() => writeClaims({ ...claims, ...part })).toThrow(RangeError);
  });

  const good = writeClaims(claims);
  it('are refused cut anywhere, or with a byte more', () => {
    for (let length = 0; length < good.length; length++)
      expect(readClaims(good.subarray(0, length))).toMatchObject(malformed);
    expect(readClaims(concat(good, Uint8Array.of(0)))).toMatchObject(malformed);
    expect(readClaims(new Uint8Array(5000))).toMatchObject(malformed);
  });
  it('never have two forms, whatever bit is flipped', () => {
    const changed = Uint8Array.from(good);
    for (let at = 0; at < good.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        changed[at]! ^= 1 << bit;
        fuzzClaims(changed);
        changed[at]! ^= 1 << bit;
      }
  });

  /** The elements of the good claims, with one replaced. */
  function withElement(index: number, ...bytes: Uint8Array[]): Uint8Array {
    const outer = der.readDer(good);
    const parts = outer.ok ? der.children(outer.value) : outer;
    if (!parts.ok) throw new Error('unreadable');
    return der.sequence(...parts.value.flatMap((node, i) => (i === index ? bytes : [node.bytes])));
  }
  const time = (text: string) => der.element(der.TAG.generalizedTime, utf8(text));
  it.each([
    ['another version', 0, der.integer(2)],
    ['a padded version', 0, Uint8Array.of(2, 2, 0, 1)],
    ['a host id of 15 bytes', 1, der.octetString(new Uint8Array(15))],
    ['a host name that is no UTF-8', 2, der.element(0x80, Uint8Array.of(0xff))],
    ['a mode nobody knows', 3, der.utf8String('ad')],
    ['a group of another string type', 4, der.element(der.TAG.printableString, utf8('default'))],
    ['a level nobody knows', 5, der.utf8String('perfect')],
    ['a level in capitals', 5, der.utf8String('Measured')],
    ['a count over 32 bits', 9, der.integer(2 ** 32)],
    ['a negative count', 9, Uint8Array.of(2, 1, 0xff)],
    ['a time with a zero at its end', 13, time('20260701102030.10Z')],
    ['the 31 February', 13, time('20260231000000Z')],
    ['a time past the year 9999', 13, time('99991231240000Z')],
    ['a time with a zone', 13, time('20260701102030+0100')],
    ['a confirmation of 33 bytes', 15, der.octetString(new Uint8Array(33))],
  ])('are refused with %s', (_name, index, element) =>
    expect(readClaims(withElement(index, element))).toMatchObject(malformed),
  );
  it('are refused with an element missing, doubled or added', () => {
    for (let index = 0; index < 16; index++) {
      // the host name is the one that may be absent
      expect(readClaims(withElement(index)).ok).toBe(index === 2);
      expect(readClaims(withElement(index, der.nothing(), der.nothing()))).toMatchObject(malformed);
    }
    expect(readClaims(withElement(15, der.octetString(claims.cnf), der.nothing()))).toMatchObject(malformed);
  });
});

describe('the order of levels', () => {
  it('is that of what was shown, and unknown ones are never enough', () => {
    for (const [i, level] of LEVELS.entries())
      for (const [j, minimum] of LEVELS.entries()) expect(isAtLeast(LEVELS, level, minimum)).toBe(i >= j);
    expect(isAtLeast<string>(LEVELS, 'perfect', 'identity')).toBe(false);
    expect(isAtLeast<string>(LEVELS, 'measured', 'perfect')).toBe(false);
  });
  it('knows a host id by its one form', () => {
    expect(parseHostId(claims.hostId)).toBe(claims.hostId);
    for (const text of [
      '',
      claims.hostId.toUpperCase(),
      `${claims.hostId}\n`,
      claims.hostId.slice(1),
      '../../etc/passwd',
    ])
      expect(parseHostId(text)).toBeUndefined();
  });
});
