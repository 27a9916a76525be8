import { concat, toHex, utf8 } from '@sekimori/bytes';
import { describe, expect, it } from 'vitest';
import { HASHES, type HashName, hashLength } from '../algorithms.ts';
import type { Crypto } from '../crypto.ts';
import { Secret } from '../secret.ts';
import { hex } from './published.ts';

const NAMES = Object.keys(HASHES) as HashName[];

export function symmetricContract(crypto: Crypto): void {
  describe('hashes', () => {
    it.each([
      ['sha1', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
      ['sha256', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
      ['sha384', 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7'],
      [
        'sha512',
        'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
      ],
    ] as const)('%s (FIPS 180-4, "abc")', (name, expected) => {
      expect(toHex(crypto.hash(name, utf8('abc')))).toBe(expected);
    });
    it.each(NAMES)('%s of a part of a longer array is that of the part', (name) => {
      const whole = utf8('xxabcyy');
      expect(crypto.hash(name, whole.subarray(2, 5))).toEqual(crypto.hash(name, utf8('abc')));
      expect(crypto.hash(name, new Uint8Array(0))).toHaveLength(hashLength(name));
    });
  });

  describe('HMAC', () => {
    it('RFC 4231, case 2, with bytes and with a Secret', () => {
      const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
      const data = utf8('what do ya want for nothing?');
      expect(toHex(crypto.hmac('sha256', utf8('Jefe'), data))).toBe(expected);
      const secret = new Secret(utf8('Jefe'));
      expect(toHex(crypto.hmac('sha256', secret, data))).toBe(expected);
      expect(toHex(crypto.hmac('sha256', secret, data))).toBe(expected);
    });
    it('RFC 4231, case 6: a key longer than a block', () => {
      const data = utf8('Test Using Larger Than Block-Size Key - Hash Key First');
      expect(toHex(crypto.hmac('sha256', new Uint8Array(131).fill(0xaa), data))).toBe(
        '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
      );
    });
    it('RFC 2202, case 2: SHA-1', () => {
      expect(toHex(crypto.hmac('sha1', utf8('Jefe'), utf8('what do ya want for nothing?')))).toBe(
        'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79',
      );
    });
    it.each(NAMES)('%s with an empty key, over nothing', (name) => {
      expect(crypto.hmac(name, new Uint8Array(0), new Uint8Array(0))).toHaveLength(hashLength(name));
    });
  });

  describe('HKDF', () => {
    it('RFC 5869, case 1', () => {
      const okm = crypto.hkdf(
        'sha256',
        new Uint8Array(22).fill(0x0b),
        hex('000102030405060708090a0b0c'),
        hex('f0f1f2f3f4f5f6f7f8f9'),
        42,
      );
      expect(okm.use(toHex)).toBe(
        '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
      );
    });
    it('RFC 5869, case 3: neither salt nor info', () => {
      const none = new Uint8Array(0);
      const okm = crypto.hkdf('sha256', new Secret(new Uint8Array(22).fill(0x0b)), none, none, 42);
      expect(okm.use(toHex)).toBe(
        '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
      );
    });
    it('gives a beginning of one text, at whatever length', () => {
      const derive = (length: number) => crypto.hkdf('sha384', utf8('s'), utf8('t'), utf8('u'), length).use(toHex);
      const whole = derive(200);
      for (const length of [1, 47, 48, 49, 96, 199]) expect(derive(length)).toBe(whole.slice(0, 2 * length));
    });
  });

  describe('AES-GCM', () => {
    const key = hex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308');
    const nonce = hex('cafebabefacedbaddecaf888');
    const plaintext = hex(`d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf
      0e2449a6b525b16aedf5aa0de657ba637b39`);
    const associated = hex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
    const sealed = crypto.aesGcmSeal(key, nonce, plaintext, associated);

    it('McGrew and Viega, test case 16', () => {
      expect(toHex(sealed)).toBe(
        '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
      );
      expect(crypto.aesGcmOpen(key, nonce, sealed, associated)).toEqual(plaintext);
      expect(crypto.aesGcmOpen(new Secret(key), nonce, sealed, associated)).toEqual(plaintext);
    });
    it('McGrew and Viega, test case 1: AES-128 over nothing', () => {
      const none = new Uint8Array(0);
      const tag = crypto.aesGcmSeal(new Uint8Array(16), new Uint8Array(12), none, none);
      expect(toHex(tag)).toBe('58e2fccefa7e3061367f1d57a4e7455a');
      expect(crypto.aesGcmOpen(new Uint8Array(16), new Uint8Array(12), tag, none)).toEqual(none);
    });
    it('opens nothing that was changed', () => {
      expect(crypto.aesGcmOpen(key, nonce, sealed, utf8('other'))).toBeUndefined();
      for (let at = 0; at < sealed.length; at++) {
        const changed = Uint8Array.from(sealed);
        changed[at]! ^= 1;
        expect(crypto.aesGcmOpen(key, nonce, changed, associated)).toBeUndefined();
      }
      for (let length = 0; length < sealed.length; length++)
        expect(crypto.aesGcmOpen(key, nonce, sealed.subarray(0, length), associated)).toBeUndefined();
      expect(crypto.aesGcmOpen(key, nonce, concat(sealed, Uint8Array.of(0)), associated)).toBeUndefined();
    });
    it.each([
      ['a nonce of 11 bytes', key, nonce.subarray(1)],
      ['a nonce of 13 bytes', key, concat(nonce, Uint8Array.of(0))],
      ['no nonce', key, new Uint8Array(0)],
      ['a key of 31 bytes', key.subarray(1), nonce],
      ['a key of 24 bytes', key.subarray(8), nonce],
      ['no key', new Uint8Array(0), nonce],
    ])('throws for %s', (_, wrongKey, wrongNonce) => {
      expect(() => crypto.aesGcmSeal(wrongKey, wrongNonce, plaintext, associated)).toThrow(RangeError);
      expect(() => crypto.aesGcmOpen(wrongKey, wrongNonce, sealed, associated)).toThrow(RangeError);
    });
    it('leaves what it was given as it was', () => {
      const given = [key, nonce, plaintext, associated].map(toHex);
      crypto.aesGcmSeal(key, nonce, plaintext, associated);
      crypto.aesGcmOpen(key, nonce, sealed, associated);
      expect([key, nonce, plaintext, associated].map(toHex)).toEqual(given);
    });
  });

  describe('AES-CFB128', () => {
    const iv = hex('000102030405060708090a0b0c0d0e0f');
    const plaintext = hex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51');
    it.each([
      // NIST SP 800-38A, F.3.13, F.3.15 and F.3.17
      [128, '2b7e151628aed2a6abf7158809cf4f3c', '3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b'],
      [
        192,
        '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b',
        'cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a',
      ],
      [
        256,
        '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
        'dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b',
      ],
    ])('NIST SP 800-38A, AES-%i, both ways', (_, keyHex, expected) => {
      const key = hex(keyHex);
      const ciphertext = crypto.aesCfb('encrypt', key, iv, plaintext);
      expect(toHex(ciphertext)).toBe(expected);
      expect(crypto.aesCfb('decrypt', new Secret(key), iv, ciphertext)).toEqual(plaintext);
    });
    it('takes any length, and parts of longer arrays', () => {
      const key = hex('2b7e151628aed2a6abf7158809cf4f3c');
      const whole = crypto.aesCfb('encrypt', key, iv, plaintext);
      for (let length = 0; length <= plaintext.length; length++) {
        const part = concat(Uint8Array.of(7), plaintext.subarray(0, length)).subarray(1);
        const sealed = crypto.aesCfb('encrypt', key, iv, part);
        expect(sealed).toEqual(whole.slice(0, length));
        const shifted = concat(Uint8Array.of(7), sealed).subarray(1);
        expect(crypto.aesCfb('decrypt', key, concat(Uint8Array.of(7), iv).subarray(1), shifted)).toEqual(part);
      }
      expect(toHex(iv)).toBe('000102030405060708090a0b0c0d0e0f');
    });
    it('throws for wrong lengths of keys and vectors', () => {
      for (const length of [0, 15, 17, 31, 33])
        expect(() => crypto.aesCfb('encrypt', new Uint8Array(length), iv, plaintext)).toThrow(RangeError);
      for (const length of [0, 12, 15, 17])
        expect(() => crypto.aesCfb('decrypt', new Uint8Array(16), new Uint8Array(length), plaintext)).toThrow(
          RangeError,
        );
    });
  });

  describe('random', () => {
    it('gives other bytes each time', () => {
      const seen = new Set(Array.from({ length: 1000 }, () => toHex(crypto.random(32))));
      expect(seen.size).toBe(1000);
    });
    it.each([0, 1, 65_536, 65_537, 200_000])('gives %i at once, to the last', (length) => {
      const bytes = crypto.random(length);
      expect(bytes).toHaveLength(length);
      // Thirty-two zeros at the end of random bytes are no chance.
      if (length > 32) expect(bytes.subarray(-32).some((byte) => byte !== 0)).toBe(true);
    });
  });
}
