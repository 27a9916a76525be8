import { concat, toHex, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import { HASHES, type HashName, hashLength, type SignatureAlgorithm } from '../algorithms.ts';
import type { Crypto, PrivateKey } from '../crypto.ts';
import type { RsaPublicKey } from '../public-key.ts';
import { WYCHEPROOF_RSA } from './published.ts';
import { digestInfo, longestSalt, plusModulus, pssEncoding, rawSign, rsaPkcs8Of, WIDTH } from './raw-rsa.ts';

const NAMES = Object.keys(HASHES) as HashName[];
const ALGORITHMS = NAMES.flatMap((hash): SignatureAlgorithm[] => [`rsassa-${hash}`, `rsapss-${hash}`]);
const DATA = utf8('data');

export function rsaContract(crypto: Crypto): void {
  describe.each([2048, 3072] as const)('RSA-%i', (bits) => {
    let key: PrivateKey;
    let publicKey: RsaPublicKey;
    beforeAll(async () => {
      key = await crypto.generateKey({ type: 'rsa', bits });
      publicKey = rsaOf(key);
    });

    it('has the length asked for, and 65537', () => {
      expect(publicKey).toMatchObject({ type: 'rsa', bits, exponent: 65537 });
      expect(publicKey.modulus).toHaveLength(bits / 8);
    });
    it.each(ALGORITHMS)('signs and verifies with %s', async (algorithm) => {
      const signature = await key.sign(algorithm, DATA);
      expect(signature).toHaveLength(bits / 8);
      expect(crypto.verify(publicKey, algorithm, DATA, signature)).toBe(true);
      expect(crypto.verify(publicKey, algorithm, utf8('Data'), signature)).toBe(false);
      expect(crypto.verify(publicKey, 'ecdsa-sha256', DATA, signature)).toBe(false);
      for (const other of ALGORITHMS)
        if (other !== algorithm) expect(crypto.verify(publicKey, other, DATA, signature)).toBe(false);
      for (const at of [0, 1, 100, signature.length - 1])
        expect(crypto.verify(publicKey, algorithm, DATA, flipped(signature, at))).toBe(false);
    });
    it.each(NAMES)('encrypts and decrypts with OAEP over %s and a label', async (hash) => {
      const label = utf8('IDENTITY\0');
      const room = bits / 8 - 2 * hashLength(hash) - 2;
      for (const length of [0, 1, room]) {
        const plaintext = crypto.random(length);
        const ciphertext = crypto.rsaOaepEncrypt(publicKey, hash, label, plaintext);
        expect(ciphertext).toHaveLength(bits / 8);
        expect((await key.decrypt(hash, label, ciphertext))?.use(toHex)).toBe(toHex(plaintext));
        expect(await key.decrypt(hash, utf8('DUPLICATE\0'), ciphertext)).toBeUndefined();
        expect(await key.decrypt(hash, new Uint8Array(0), ciphertext)).toBeUndefined();
        expect(await key.decrypt(hash === 'sha1' ? 'sha256' : 'sha1', label, ciphertext)).toBeUndefined();
        expect(await key.decrypt(hash, label, flipped(ciphertext, 9))).toBeUndefined();
        expect(await key.decrypt(hash, label, ciphertext.subarray(1))).toBeUndefined();
        expect(await key.decrypt(hash, label, new Uint8Array(0))).toBeUndefined();
      }
      expect(() => crypto.rsaOaepEncrypt(publicKey, hash, label, new Uint8Array(room + 1))).toThrow();
    });
    it('asks for a ciphertext as long as the modulus, also where zeros stand before it', async () => {
      const [label, zero] = [new Uint8Array(0), Uint8Array.of(0)];
      let ciphertext = crypto.rsaOaepEncrypt(publicKey, 'sha256', label, DATA);
      while (ciphertext[0] !== 0) ciphertext = crypto.rsaOaepEncrypt(publicKey, 'sha256', label, DATA);
      expect((await key.decrypt('sha256', label, ciphertext))?.use(toHex)).toBe(toHex(DATA));
      expect(await key.decrypt('sha256', label, ciphertext.subarray(1))).toBeUndefined();
      expect(await key.decrypt('sha256', label, concat(zero, ciphertext))).toBeUndefined();
    });
    it('makes another ciphertext each time', () => {
      const seal = () => toHex(crypto.rsaOaepEncrypt(publicKey, 'sha256', new Uint8Array(0), DATA));
      expect(new Set([seal(), seal(), seal()]).size).toBe(3);
    });
    it('goes out as PKCS#8 and comes back the same', async () => {
      const again = expectOk(crypto.privateKey(key.export()));
      expect(again.publicKey).toEqual(key.publicKey);
      expect(again.export().use(toHex)).toBe(key.export().use(toHex));
      const signature = await again.sign('rsassa-sha256', DATA);
      expect(crypto.verify(publicKey, 'rsassa-sha256', DATA, signature)).toBe(true);
    });
    it('does not do what an EC key does', async () => {
      await expect(key.sign('ecdsa-sha256', DATA)).rejects.toThrow();
      const ec = (await crypto.generateKey({ type: 'ec', curve: 'P-256' })).publicKey;
      if (ec.type !== 'ec') throw new Error('an EC key was asked for');
      await expect(key.agree(ec)).rejects.toThrow();
    });
  });

  describe('a published RSA key (Project Wycheproof)', () => {
    const { message, rsassaSha256, rsapssSha256, malformed, oaepSha256, oaepLabel } = WYCHEPROOF_RSA;
    const publicKey = expectOk(crypto.publicKey({ type: 'rsa', ...WYCHEPROOF_RSA }));
    const privateKey = expectOk(crypto.privateKey(rsaPkcs8Of()));
    const verify = (signature: Uint8Array, algorithm: SignatureAlgorithm = 'rsassa-sha256') =>
      crypto.verify(publicKey, algorithm, message, signature);

    it('verifies its signatures', () => {
      expect(verify(rsassaSha256)).toBe(true);
      expect(verify(rsapssSha256, 'rsapss-sha256')).toBe(true);
      expect(verify(rsassaSha256, 'rsapss-sha256')).toBe(false);
      expect(verify(rsapssSha256, 'rsassa-sha256')).toBe(false);
    });
    it('makes its RSASSA signature', async () => {
      expect(privateKey.publicKey).toEqual(publicKey);
      expect(toHex(await privateKey.sign('rsassa-sha256', message))).toBe(toHex(rsassaSha256));
    });
    it('opens its ciphertext', async () => {
      expect((await privateKey.decrypt('sha256', oaepLabel, oaepSha256))?.use(toHex)).toBe(toHex(message));
      expect(await privateKey.decrypt('sha256', new Uint8Array(0), oaepSha256)).toBeUndefined();
    });

    const info = digestInfo(crypto.hash('sha256', message));
    const padded = (type: number, padding: number, ...rest: readonly Uint8Array[]) =>
      concat(Uint8Array.of(0, type), new Uint8Array(padding).fill(0xff), Uint8Array.of(0), ...rest);
    const whole = WIDTH - 3 - info.length;
    it('takes the encoding of PKCS#1 when signed by hand', () => {
      expect(toHex(rawSign(padded(1, whole, info)))).toBe(toHex(rsassaSha256));
    });
    it.each([
      ['the hash without its parameters', () => malformed[0]],
      ['a length in two bytes where one does', () => malformed[1]],
      ['eight bytes of padding and rubbish after the digest', () => rawSign(padded(1, 8, info, rubbish(whole - 8)))],
      ['padding a byte short, and a byte after the digest', () => rawSign(padded(1, whole - 1, info, rubbish(1)))],
      [
        'padding a byte short, and the digest a byte to the right',
        () => rawSign(padded(1, whole - 1, rubbish(1), info)),
      ],
      ['block type 2', () => rawSign(padded(2, whole, info))],
      ['block type 0', () => rawSign(padded(0, whole, info))],
      ['a zero in the padding', () => rawSign(withByte(padded(1, whole, info), 20, 0))],
      ['other than FF in the padding', () => rawSign(withByte(padded(1, whole, info), 20, 0xfe))],
      ['no zero after the padding', () => rawSign(withByte(padded(1, whole, info), 2 + whole, 0xff))],
      ['the digest alone', () => rawSign(padded(1, WIDTH - 3 - 32, crypto.hash('sha256', message)))],
      ['the digest of another hash', () => rawSign(padded(1, whole, digestInfo(crypto.hash('sha256', DATA))))],
      ['nothing but the digest', () => rawSign(concat(new Uint8Array(WIDTH - info.length), info))],
      ['0', () => new Uint8Array(WIDTH)],
      ['1', () => withByte(new Uint8Array(WIDTH), WIDTH - 1, 1)],
      ['the modulus', () => WYCHEPROOF_RSA.modulus],
      ['all ones', () => new Uint8Array(WIDTH).fill(0xff)],
      ['a byte less', () => rsassaSha256.subarray(1)],
      ['a zero before it', () => concat(Uint8Array.of(0), rsassaSha256)],
      ['a zero after it', () => concat(rsassaSha256, Uint8Array.of(0))],
      ['nothing', () => new Uint8Array(0)],
    ])('refuses an RSASSA signature with %s', (_, make) => {
      expect(verify(make())).toBe(false);
    });
    it('asks for a signature as long as the modulus, also where zeros stand before it', () => {
      // Numbers that were found to give such a signature.
      const [data, salt] = [Uint8Array.of(0, 46), Uint8Array.of(1, 168)];
      const rsassa = rawSign(padded(1, whole, digestInfo(crypto.hash('sha256', data))));
      const rsapss = rawSign(pssEncoding(crypto, 'sha256', message, salt));
      for (const [algorithm, signed, signature] of [
        ['rsassa-sha256', data, rsassa],
        ['rsapss-sha256', message, rsapss],
      ] as const) {
        expect(signature[0]).toBe(0);
        expect(crypto.verify(publicKey, algorithm, signed, signature)).toBe(true);
        expect(crypto.verify(publicKey, algorithm, signed, signature.subarray(1))).toBe(false);
        expect(crypto.verify(publicKey, algorithm, signed, concat(Uint8Array.of(0), signature))).toBe(false);
      }
    });
    it('refuses signatures that are not below the modulus', () => {
      // More than half of all signatures leave room for the modulus once more; of eight, some are among them.
      const over = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((salt) => {
        const encoded = pssEncoding(crypto, 'sha256', message, Uint8Array.of(salt));
        const signature = rawSign(encoded);
        expect(verify(signature, 'rsapss-sha256')).toBe(true);
        return plusModulus(signature) ?? [];
      });
      expect(over.length).toBeGreaterThan(0);
      for (const signature of over) expect(verify(signature, 'rsapss-sha256')).toBe(false);
    });

    it.each(NAMES)('takes RSAPSS with %s and a salt of any length', (hash) => {
      for (const length of [0, 1, hashLength(hash), longestSalt(hash) - 1, longestSalt(hash)]) {
        const signature = rawSign(pssEncoding(crypto, hash, message, rubbish(length)));
        expect(verify(signature, `rsapss-${hash}`)).toBe(true);
        expect(verify(signature, hash === 'sha1' ? 'rsapss-sha256' : 'rsapss-sha1')).toBe(false);
      }
    });
    // A salt with which the first byte is small: with the spare bit set the number is still below the modulus.
    const encoded = [...Array(64).keys()]
      .map((first) => pssEncoding(crypto, 'sha256', message, withByte(rubbish(32), 0, first)))
      .find(([first = 0xff]) => first < 0x20)!;
    const beforeSalt = longestSalt('sha256') - 32;
    it.each([
      ['another last byte', withByte(encoded, WIDTH - 1, 0xcc)],
      ['the spare bit set', withByte(encoded, 0, encoded[0]! | 0x80)],
      ['a 0 before the salt', flipped(encoded, beforeSalt)],
      ['a 3 before the salt', withByte(encoded, beforeSalt, encoded[beforeSalt]! ^ 2)],
      ['padding that is not zero', flipped(encoded, 10)],
      ['another salt', flipped(encoded, WIDTH - 32 - 2)],
      ['another hash inside', flipped(encoded, WIDTH - 2)],
      ['zeros', new Uint8Array(WIDTH)],
    ])('refuses RSAPSS with %s', (_, changed) => {
      expect(verify(rawSign(encoded), 'rsapss-sha256')).toBe(true);
      expect(verify(rawSign(changed), 'rsapss-sha256')).toBe(false);
    });
    it('refuses RSAPSS without a 1 before the salt', () => {
      const zeros = (length: number) => pssEncoding(crypto, 'sha256', message, new Uint8Array(length));
      const longest = zeros(longestSalt('sha256'));
      expect(verify(rawSign(longest), 'rsapss-sha256')).toBe(true);
      expect(verify(rawSign(flipped(longest, 0)), 'rsapss-sha256')).toBe(false);
      // A salt that fills everything leaves no room for the 1.
      expect(verify(rawSign(zeros(longestSalt('sha256') + 1)), 'rsapss-sha256')).toBe(false);
    });
  });
}

function rsaOf(key: PrivateKey): RsaPublicKey {
  if (key.publicKey.type !== 'rsa') throw new Error('an RSA key was asked for');
  return key.publicKey;
}

/** Not random: a test that fails shall fail again. */
function rubbish(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, at) => 0x5a + 7 * at);
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array<ArrayBuffer> {
  const out = Uint8Array.from(bytes);
  out[at] = value;
  return out;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array<ArrayBuffer> {
  return withByte(bytes, at, (bytes[at] ?? 0) ^ 1);
}
