import {
  constants,
  createPrivateKey,
  createPublicKey,
  generatePrimeSync,
  type KeyObject,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  sign,
  verify,
} from 'node:crypto';
import { toHex, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  CURVES,
  type Crypto,
  type CurveName,
  der,
  HASHES,
  type HashName,
  type PrivateKey,
  Secret,
  type SignatureAlgorithm,
} from '../src/index.ts';
import { nodeCrypto } from '../src/node/index.ts';
import { portableCrypto } from '../src/portable/index.ts';

const HASH_NAMES = Object.keys(HASHES) as HashName[];
const CURVE_NAMES = Object.keys(CURVES) as CurveName[];
const DATA = utf8('data');
const LABEL = utf8('DUPLICATE\0');

// What one provider makes, the other checks: every operation of the port, both ways.
describe.each<readonly [string, Crypto, Crypto]>([
  ['Node makes, portable checks', nodeCrypto, portableCrypto],
  ['portable makes, Node checks', portableCrypto, nodeCrypto],
])('%s', (_, maker, checker) => {
  const [key, nonce, iv] = [maker.random(32), maker.random(12), maker.random(16)];

  it('hash, HMAC and HKDF', () => {
    for (const name of HASH_NAMES)
      for (const length of [0, 1, 55, 56, 64, 111, 112, 128, 1000]) {
        const data = maker.random(length);
        expect(checker.hash(name, data)).toEqual(maker.hash(name, data));
        expect(checker.hmac(name, data, DATA)).toEqual(maker.hmac(name, data, DATA));
        const [made, checked] = [maker, checker].map((each) => each.hkdf(name, key, data, DATA, 100));
        expect(checked?.use(toHex)).toBe(made?.use(toHex));
      }
  });
  it('HKDF at the longest, and one byte more', () => {
    const longest = 255 * HASHES.sha256;
    const [made, checked] = [maker, checker].map((each) => each.hkdf('sha256', key, iv, DATA, longest).use(toHex));
    expect(checked).toBe(made);
    for (const each of [maker, checker]) expect(() => each.hkdf('sha256', key, iv, DATA, longest + 1)).toThrow();
  });
  it('AES-GCM and AES-CFB', () => {
    for (const length of [0, 1, 15, 16, 17, 31, 32, 1000])
      for (const width of [16, 32]) {
        const [plaintext, short] = [maker.random(length), key.subarray(0, width)];
        const sealed = maker.aesGcmSeal(short, nonce, plaintext, DATA);
        expect(checker.aesGcmOpen(short, nonce, sealed, DATA)).toEqual(plaintext);
        const enciphered = maker.aesCfb('encrypt', short, iv, plaintext);
        expect(checker.aesCfb('decrypt', short, iv, enciphered)).toEqual(plaintext);
      }
  });

  describe.each(CURVE_NAMES)('%s', (curve) => {
    let made: PrivateKey;
    let copy: PrivateKey;
    beforeAll(async () => {
      made = await maker.generateKey({ type: 'ec', curve });
      copy = expectOk(checker.privateKey(made.export()));
    });
    it('keys, as SPKI and as PKCS#8 byte for byte', () => {
      expect(copy.publicKey).toEqual(made.publicKey);
      expect(copy.export().use(toHex)).toBe(made.export().use(toHex));
      expect(checker.publicKey({ type: 'spki', der: made.publicKey.spki })).toEqual({
        ok: true,
        value: made.publicKey,
      });
    });
    it.each(HASH_NAMES)('signatures over %s', async (hash) => {
      const algorithm = `ecdsa-${hash}` as const;
      // Of many some have a high s, and some an r or s with zeros before it.
      for (let count = 0; count < 5; count++) {
        const data = maker.random(count);
        const signature = await made.sign(algorithm, data);
        expect(checker.verify(copy.publicKey, algorithm, data, signature)).toBe(true);
        expect(checker.verify(copy.publicKey, algorithm, DATA, signature)).toBe(false);
      }
    });
    it('agreement', async () => {
      const peer = copy.publicKey;
      if (peer.type !== 'ec') throw new Error('an EC key was asked for');
      const { publicKey, sharedSecret } = maker.agreeEphemeral(peer);
      expect((await copy.agree(publicKey)).use(toHex)).toBe(sharedSecret.use(toHex));
      expect((await made.agree(publicKey)).use(toHex)).toBe(sharedSecret.use(toHex));
    });
  });

  describe.each([2048, 3072] as const)('RSA-%i', (bits) => {
    let made: PrivateKey;
    let copy: PrivateKey;
    beforeAll(async () => {
      made = await maker.generateKey({ type: 'rsa', bits });
      copy = expectOk(checker.privateKey(made.export()));
    });
    it('keys, as SPKI and as PKCS#8 byte for byte', () => {
      expect(copy.publicKey).toEqual(made.publicKey);
      expect(copy.export().use(toHex)).toBe(made.export().use(toHex));
      expect(checker.publicKey({ type: 'spki', der: made.publicKey.spki })).toEqual({
        ok: true,
        value: made.publicKey,
      });
    });
    it.each(HASH_NAMES)('signatures over %s', async (hash) => {
      for (const algorithm of [`rsassa-${hash}`, `rsapss-${hash}`] as SignatureAlgorithm[]) {
        const signature = await made.sign(algorithm, DATA);
        expect(checker.verify(copy.publicKey, algorithm, DATA, signature)).toBe(true);
        expect(checker.verify(copy.publicKey, algorithm, LABEL, signature)).toBe(false);
      }
      // The salt is as long as the hash, which `verify` of the port does not ask for.
      const inOpenssl = createPublicKey({ key: Buffer.from(made.publicKey.spki), format: 'der', type: 'spki' });
      const exact = { key: inOpenssl, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: HASHES[hash] };
      expect(verify(hash, DATA, exact, await made.sign(`rsapss-${hash}`, DATA))).toBe(true);
      const [first, second] = await Promise.all([made, copy].map((each) => each.sign(`rsassa-${hash}`, DATA)));
      expect(second).toEqual(first);
    });
    it.each(HASH_NAMES)('OAEP over %s', async (hash) => {
      const publicKey = copy.publicKey;
      if (publicKey.type !== 'rsa') throw new Error('an RSA key was asked for');
      const ciphertext = maker.rsaOaepEncrypt(publicKey, hash, LABEL, DATA);
      expect((await copy.decrypt(hash, LABEL, ciphertext))?.use(toHex)).toBe(toHex(DATA));
      expect((await made.decrypt(hash, LABEL, ciphertext))?.use(toHex)).toBe(toHex(DATA));
      expect(await copy.decrypt(hash, DATA, ciphertext)).toBeUndefined();
    });
  });

  it.each([
    ['2049 bits, of which the encoding of PSS leaves out a byte', 2049],
    ['2050 bits', 2050],
    ['2055 bits', 2055],
    ['4096 bits', 4096],
  ])('RSA with %s', (__, bits) => {
    const privateKey = rsaOfLength(bits);
    const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    const publicKey = expectOk(checker.publicKey({ type: 'spki', der: spki }));
    if (publicKey.type !== 'rsa') throw new Error('an RSA key was asked for');
    expect(publicKey.bits).toBe(bits);
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    for (const saltLength of [0, 32, constants.RSA_PSS_SALTLEN_MAX_SIGN]) {
      const signature = sign('sha256', DATA, { key: privateKey, padding, saltLength });
      expect(checker.verify(publicKey, 'rsapss-sha256', DATA, signature)).toBe(true);
      expect(checker.verify(publicKey, 'rsapss-sha256', LABEL, signature)).toBe(false);
    }
    expect(checker.verify(publicKey, 'rsassa-sha256', DATA, sign('sha256', DATA, privateKey))).toBe(true);
    const ciphertext = checker.rsaOaepEncrypt(publicKey, 'sha256', LABEL, DATA);
    const options = { key: privateKey, oaepHash: 'sha256', oaepLabel: LABEL };
    expect(Uint8Array.from(privateDecrypt(options, ciphertext))).toEqual(DATA);
  });

  it('RSAPSS whose encoding leaves out a byte, and has a 1 there', () => {
    const privateKey = rsaOfLength(2049);
    const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    const publicKey = expectOk(checker.publicKey({ type: 'spki', der: spki }));
    const padding = constants.RSA_NO_PADDING;
    const accepted = [0, 1].map((over) => {
      for (;;) {
        const pss = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
        const encoded = publicDecrypt({ key: createPublicKey(privateKey), padding }, sign('sha256', DATA, pss));
        encoded[0] = over;
        // Below the modulus, which begins with 01 2: one salt of eight gives such a number.
        if (encoded[1]! >= 0x20) continue;
        return checker.verify(publicKey, 'rsapss-sha256', DATA, privateEncrypt({ key: privateKey, padding }, encoded));
      }
    });
    expect(accepted).toEqual([true, false]);
  });
});

/** OpenSSL, asked for an odd number of bits, gives one less, so the primes are chosen here. */
function rsaOfLength(bits: number): KeyObject {
  const exponent = 65537n;
  const [p, q] = [Math.ceil(bits / 2), Math.floor(bits / 2)].map((size) => {
    for (;;) {
      const prime = generatePrimeSync(size, { bigint: true });
      if ((prime - 1n) % exponent !== 0n) return prime;
    }
  }) as [bigint, bigint];
  const secret = inverse(exponent, (p - 1n) * (q - 1n));
  const numbers = [0n, p * q, exponent, secret, p, q, secret % (p - 1n), secret % (q - 1n), inverse(q, p)];
  const body = der.sequence(...numbers.map(der.integer));
  return createPrivateKey({ key: Buffer.from(body), format: 'der', type: 'pkcs1' });
}

/** By the extended Euclidean algorithm. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [left, right] = [modulus, value % modulus];
  let [before, now] = [0n, 1n];
  while (right > 1n) {
    const quotient = left / right;
    [left, right] = [right, left - quotient * right];
    [before, now] = [now, before - quotient * now];
  }
  return ((now % modulus) + modulus) % modulus;
}

describe('both providers say the same', () => {
  const changes = [0x01, 0x80, 0xff];
  it.each([{ type: 'ec', curve: 'P-256' } as const, { type: 'rsa', bits: 2048 } as const])(
    'of SPKI with any byte changed: $type',
    async (spec) => {
      const { spki } = (await nodeCrypto.generateKey(spec)).publicKey;
      for (const [at, byte] of spki.entries())
        for (const change of changes) {
          const changed = { type: 'spki', der: spki.with(at, byte ^ change) } as const;
          expect(portableCrypto.publicKey(changed).ok).toBe(nodeCrypto.publicKey(changed).ok);
        }
    },
  );
  it('of PKCS#8 of an EC key with any byte changed', async () => {
    const pkcs8 = (await nodeCrypto.generateKey({ type: 'ec', curve: 'P-256' })).export();
    const bytes = pkcs8.use((lent) => Uint8Array.from(lent));
    for (const [at, byte] of bytes.entries())
      for (const change of changes) {
        const changed = new Secret(bytes.with(at, byte ^ change));
        expect(portableCrypto.privateKey(changed).ok).toBe(nodeCrypto.privateKey(changed).ok);
      }
  });
});
