import { concat } from '@sekimori/bytes';
import type { RsaPublicKey } from '@sekimori/crypto-core';
import { describe, expect, it } from 'vitest';
import {
  numbersOf,
  pkcs1Decrypt,
  pkcs1Encrypt,
  primeOf,
  privateOperation,
  publicOperation,
  rsaKeyOf,
  signDigest,
  verifiesDigest,
} from '../src/rsa.ts';
import { crypto, flipped } from './tpms.ts';

const key = await crypto.generateKey({ type: 'rsa', bits: 2048 });
const publicKey = key.publicKey as RsaPublicKey;
const numbers = numbersOf(publicKey);
const MESSAGE = crypto.random(100);

describe.each(['rsassa', 'rsapss'] as const)('%s', (scheme) => {
  it.each(['sha1', 'sha256', 'sha384', 'sha512'] as const)(
    'over a %s digest is what the provider signs and verifies',
    async (hash) => {
      const digest = crypto.hash(hash, MESSAGE);
      const ours = signDigest(crypto, key, scheme, hash, digest);
      expect(crypto.verify(publicKey, `${scheme}-${hash}`, MESSAGE, ours)).toBe(true);
      const theirs = await key.sign(`${scheme}-${hash}`, MESSAGE);
      const holds = (over: Uint8Array, signature: Uint8Array) =>
        verifiesDigest(crypto, numbers, scheme, hash, over, signature);
      expect(holds(digest, theirs)).toBe(true);
      expect(holds(flipped(digest, 0), theirs)).toBe(false);
      for (const at of [0, 100, 255]) expect(holds(digest, flipped(theirs, at))).toBe(false);
      expect(holds(digest, theirs.subarray(1))).toBe(false);
    },
  );
});

describe('rsapss', () => {
  it('does not hold where a bit above the length of the block is set', () => {
    const digest = crypto.hash('sha256', MESSAGE);
    let changed: Uint8Array | undefined;
    while (!changed) {
      const block = publicOperation(numbers, signDigest(crypto, key, 'rsapss', 'sha256', digest))!;
      block[0]! |= 0x80;
      changed = privateOperation(key, block); // undefined where the block is not below the modulus
    }
    expect(crypto.verify(publicKey, 'rsapss-sha256', MESSAGE, changed)).toBe(false);
    expect(verifiesDigest(crypto, numbers, 'rsapss', 'sha256', digest, changed)).toBe(false);
  });
});

describe('RSAES', () => {
  it('opens what it closed, at every length that fits', () => {
    for (const length of [0, 1, 100, 245]) {
      const message = crypto.random(length);
      expect(pkcs1Decrypt(key, pkcs1Encrypt(crypto, numbers, message)!)).toEqual(message);
    }
    expect(pkcs1Encrypt(crypto, numbers, new Uint8Array(246))).toBe(undefined);
  });

  it.each([
    ['another first byte', Uint8Array.of(1, 2), 8],
    ['another type', Uint8Array.of(0, 1), 8],
    ['seven bytes of padding', Uint8Array.of(0, 2), 7],
    ['no end', Uint8Array.of(0, 2), 254],
  ])('does not open a block with %s', (_what, start, padding) => {
    const block = new Uint8Array(256).fill(1);
    block.set(concat(start, new Uint8Array(padding).fill(0xff)));
    if (padding < 254) block[2 + padding] = 0;
    expect(pkcs1Decrypt(key, publicOperation(numbers, block)!)).toBe(undefined);
  });
});

describe('a key', () => {
  it('is made again of its modulus and one prime', () => {
    const again = rsaKeyOf(crypto, publicKey.modulus, publicKey.exponent, primeOf(key));
    const block = concat(Uint8Array.of(0), crypto.random(255));
    expect(privateOperation(again!, publicOperation(numbers, block)!)).toEqual(block);
  });

  it('is not made of what does not fit', () => {
    const prime = primeOf(key);
    expect(rsaKeyOf(crypto, publicKey.modulus, publicKey.exponent, flipped(prime, 127))).toBe(undefined);
    expect(rsaKeyOf(crypto, publicKey.modulus, publicKey.exponent, prime.subarray(1))).toBe(undefined);
    expect(rsaKeyOf(crypto, publicKey.modulus, publicKey.exponent, new Uint8Array(128))).toBe(undefined);
  });

  it('takes no number that is not below its modulus', () => {
    expect(publicOperation(numbers, publicKey.modulus)).toBe(undefined);
    expect(privateOperation(key, publicKey.modulus)).toBe(undefined);
  });
});
