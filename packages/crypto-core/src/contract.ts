import { fromHex, toHex, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import type { Crypto } from './crypto.ts';
import { ecdsaFromDer, ecdsaToDer } from './ecdsa.ts';
import { sameKey } from './public-key.ts';
import { Secret } from './secret.ts';

/** What every provider of the Crypto port must do. Known answers from the documents named at each test. */
export function cryptoContract(name: string, crypto: Crypto): void {
  const hex = (text: string) => fromHex(text.replaceAll(/\s/g, ''))!;

  describe(`Crypto: ${name}`, () => {
    it('hashes (FIPS 180-4, "abc")', () => {
      const abc = utf8('abc');
      expect(toHex(crypto.hash('sha1', abc))).toBe('a9993e364706816aba3e25717850c26c9cd0d89d');
      expect(toHex(crypto.hash('sha256', abc))).toBe(
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      );
      expect(toHex(crypto.hash('sha384', abc))).toBe(
        'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
      );
      expect(crypto.hash('sha512', abc)).toHaveLength(64);
    });

    it('computes HMAC (RFC 4231, case 2) with bytes and with a Secret', () => {
      const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
      const data = utf8('what do ya want for nothing?');
      expect(toHex(crypto.hmac('sha256', utf8('Jefe'), data))).toBe(expected);
      expect(toHex(crypto.hmac('sha256', new Secret(utf8('Jefe')), data))).toBe(expected);
    });

    it('derives with HKDF (RFC 5869, case 1)', () => {
      const okm = crypto.hkdf(
        'sha256',
        hex('0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b'),
        hex('000102030405060708090a0b0c'),
        hex('f0f1f2f3f4f5f6f7f8f9'),
        42,
      );
      expect(okm.use(toHex)).toBe(
        '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
      );
    });

    it('seals and opens with AES-GCM (McGrew and Viega, test case 16)', () => {
      const key = hex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308');
      const nonce = hex('cafebabefacedbaddecaf888');
      const plaintext = hex(
        'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
      );
      const associated = hex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
      const sealed = crypto.aesGcmSeal(key, nonce, plaintext, associated);
      expect(toHex(sealed)).toBe(
        '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
      );
      expect(crypto.aesGcmOpen(key, nonce, sealed, associated)).toEqual(plaintext);
      expect(crypto.aesGcmOpen(key, nonce, sealed, utf8('other'))).toBeUndefined();
      for (let at = 0; at < sealed.length; at++) {
        const changed = Uint8Array.from(sealed);
        changed[at]! ^= 1;
        expect(crypto.aesGcmOpen(key, nonce, changed, associated)).toBeUndefined();
      }
      for (let length = 0; length < sealed.length; length++)
        expect(crypto.aesGcmOpen(key, nonce, sealed.subarray(0, length), associated)).toBeUndefined();
      expect(() => crypto.aesGcmSeal(key, nonce.subarray(1), plaintext, associated)).toThrow(RangeError);
      expect(() => crypto.aesGcmSeal(key.subarray(1), nonce, plaintext, associated)).toThrow(RangeError);
    });

    it('runs AES-CFB128 both ways (NIST SP 800-38A, F.3.13)', () => {
      const key = hex('2b7e151628aed2a6abf7158809cf4f3c');
      const iv = hex('000102030405060708090a0b0c0d0e0f');
      const plaintext = hex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51');
      const ciphertext = crypto.aesCfb('encrypt', key, iv, plaintext);
      expect(toHex(ciphertext)).toBe('3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b');
      expect(crypto.aesCfb('decrypt', key, iv, ciphertext)).toEqual(plaintext);
    });

    it('gives other random bytes each time', () => {
      const seen = new Set(Array.from({ length: 1000 }, () => toHex(crypto.random(32))));
      expect(seen.size).toBe(1000);
    });

    it.each(['P-256', 'P-384', 'P-521'] as const)('signs, verifies and agrees on %s', async (curve) => {
      const key = await crypto.generateKey({ type: 'ec', curve });
      const algorithm = ({ 'P-256': 'ecdsa-sha256', 'P-384': 'ecdsa-sha384', 'P-521': 'ecdsa-sha512' } as const)[curve];
      const data = utf8('data');
      const signature = await key.sign(algorithm, data);
      expect(crypto.verify(key.publicKey, algorithm, data, signature)).toBe(true);
      expect(crypto.verify(key.publicKey, algorithm, utf8('Data'), signature)).toBe(false);
      expect(crypto.verify(key.publicKey, algorithm, data, signature.subarray(1))).toBe(false);
      expect(crypto.verify(key.publicKey, algorithm, data, new Uint8Array(signature.length))).toBe(false);
      expect(crypto.verify(key.publicKey, 'rsassa-sha256', data, signature)).toBe(false);
      expect(ecdsaFromDer(ecdsaToDer(signature), curve)).toEqual(signature);
      if (key.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
      const { publicKey, sharedSecret } = crypto.agreeEphemeral(key.publicKey);
      const other = await key.agree(publicKey);
      expect(other.use(toHex)).toBe(sharedSecret.use(toHex));
      const again = expectOk(crypto.privateKey(key.export()));
      expect(sameKey(again.publicKey, key.publicKey)).toBe(true);
      await expect(key.decrypt('sha256', new Uint8Array(0), signature)).rejects.toThrow();
    });

    it('signs, verifies and decrypts with RSA', async () => {
      const key = await crypto.generateKey({ type: 'rsa', bits: 2048 });
      const data = utf8('data');
      for (const algorithm of ['rsassa-sha256', 'rsassa-sha384', 'rsapss-sha256', 'rsapss-sha512'] as const) {
        const signature = await key.sign(algorithm, data);
        expect(crypto.verify(key.publicKey, algorithm, data, signature)).toBe(true);
        expect(crypto.verify(key.publicKey, algorithm, utf8('Data'), signature)).toBe(false);
        expect(crypto.verify(key.publicKey, 'ecdsa-sha256', data, signature)).toBe(false);
      }
      const pkcs1 = await key.sign('rsassa-sha256', data);
      expect(crypto.verify(key.publicKey, 'rsapss-sha256', data, pkcs1)).toBe(false);
      if (key.publicKey.type !== 'rsa') throw new Error('an RSA key was asked for');
      expect(key.publicKey.bits).toBe(2048);
      const label = utf8('IDENTITY\0');
      const ciphertext = crypto.rsaOaepEncrypt(key.publicKey, 'sha256', label, data);
      expect((await key.decrypt('sha256', label, ciphertext))?.use(toHex)).toBe(toHex(data));
      expect(await key.decrypt('sha256', utf8('DUPLICATE\0'), ciphertext)).toBeUndefined();
    });

    it('reads a public key from SPKI and from its parts alike', async () => {
      for (const spec of [{ type: 'ec', curve: 'P-256' } as const, { type: 'rsa', bits: 2048 } as const]) {
        const { publicKey } = await crypto.generateKey(spec);
        const fromSpki = expectOk(crypto.publicKey({ type: 'spki', der: publicKey.spki }));
        const fromParts = expectOk(crypto.publicKey(publicKey));
        expect(sameKey(fromSpki, publicKey) && sameKey(fromParts, publicKey)).toBe(true);
      }
    });

    it('refuses unsound public keys', async () => {
      const { publicKey } = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
      if (publicKey.type !== 'ec') throw new Error('an EC key was asked for');
      const y = Uint8Array.from(publicKey.y);
      y[31]! ^= 1;
      const bad = [
        { type: 'ec', curve: 'P-256', x: publicKey.x, y },
        { type: 'ec', curve: 'P-256', x: new Uint8Array(32), y: new Uint8Array(32) },
        { type: 'ec', curve: 'P-256', x: new Uint8Array(33).fill(1), y: publicKey.y },
        { type: 'rsa', modulus: new Uint8Array(128).fill(0xff), exponent: 65537 },
        { type: 'rsa', modulus: new Uint8Array(256).fill(0xff), exponent: 1 },
        { type: 'rsa', modulus: new Uint8Array(256).fill(0xff), exponent: 65536 },
        { type: 'rsa', modulus: new Uint8Array(0), exponent: 65537 },
        { type: 'spki', der: publicKey.spki.subarray(1) },
        { type: 'spki', der: new Uint8Array(0) },
      ] as const;
      for (const spec of bad)
        expect(crypto.publicKey(spec)).toMatchObject({ ok: false, fault: { code: 'invalid-key' } });
      for (let length = 0; length < publicKey.spki.length; length++)
        expect(crypto.publicKey({ type: 'spki', der: publicKey.spki.subarray(0, length) }).ok).toBe(false);
      expect(crypto.privateKey(new Secret(utf8('no key'))).ok).toBe(false);
    });
  });
}
