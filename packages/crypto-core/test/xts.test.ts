import { fromHex, toHex } from '@sekimori/bytes';
import { describe, expect, it } from 'vitest';
import { Secret } from '../src/index.ts';
import { encryptSectors } from '../src/node/index.ts';

const KEY = new Secret(
  fromHex(
    '27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375105820974944592',
  )!,
);
const SECTOR = Uint8Array.from({ length: 512 }, (_, at) => at & 0xff);

describe('encryptSectors', () => {
  it('gives the known answer (IEEE 1619-2018, vector 10)', () => {
    const encrypted = toHex(encryptSectors(KEY, 0xff, SECTOR));
    expect(encrypted.slice(0, 64)).toBe('1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b');
    expect(encrypted.slice(-32)).toBe('c4f36ffda9fcea70b9c6e693e148c151');
  });
  it('counts the sectors, beyond 32 bits too', () => {
    const two = new Uint8Array([...SECTOR, ...SECTOR]);
    const first = 2 ** 32 - 1;
    const both = [first, first + 1].map((sector) => toHex(encryptSectors(KEY, sector, SECTOR))).join('');
    expect(toHex(encryptSectors(KEY, first, two))).toBe(both);
    expect(both.slice(0, 1024)).not.toBe(both.slice(1024));
  });
  it('takes whole sectors alone', () => {
    expect(() => encryptSectors(KEY, 0, SECTOR.subarray(1))).toThrow(RangeError);
  });
});
