import { concat, toHex } from '@sekimori/bytes';
import { type EcPublicKey, Secret } from '@sekimori/crypto-core';
import { describe, expect, it } from 'vitest';
import {
  ecKeyFrom,
  ecKeyOf,
  ecKeyOfBytes,
  scalarBytes,
  sharedPoint,
  signDigest,
  verifiesDigest,
} from '../src/curves.ts';
import { crypto } from './tpms.ts';

describe.each(['P-256', 'P-384', 'P-521'] as const)('%s', (curve) => {
  const generator = ecKeyOf(crypto, curve, 1n).privateKey.publicKey as EcPublicKey;

  it('shares with the generator the public key, both coordinates of it', async () => {
    for (let i = 0; i < 8; i++) {
      const key = ecKeyFrom(crypto, curve, new Secret(crypto.random(74)));
      const { x, y } = key.privateKey.publicKey as EcPublicKey;
      const shared = await sharedPoint(crypto, key, generator);
      expect([toHex(shared.x), toHex(shared.y)]).toEqual([toHex(x), toHex(y)]);
    }
  });

  it('makes the same key of the same material', () => {
    const [one, two] = [1, 2].map(() => ecKeyFrom(crypto, curve, new Secret(new Uint8Array(74).fill(7))));
    expect(toHex(one!.privateKey.publicKey.spki)).toBe(toHex(two!.privateKey.publicKey.spki));
  });

  it.each(['sha1', 'sha256', 'sha384', 'sha512'] as const)(
    'signs a %s digest as the provider verifies it',
    async (hash) => {
      const key = ecKeyFrom(crypto, curve, new Secret(crypto.random(74)));
      const publicKey = key.privateKey.publicKey as EcPublicKey;
      const message = crypto.random(50);
      const digest = crypto.hash(hash, message);
      const { r, s } = signDigest(crypto, key, digest);
      expect(crypto.verify(publicKey, `ecdsa-${hash}`, message, concat(r, s))).toBe(true);
      const theirs = await key.privateKey.sign(`ecdsa-${hash}`, message);
      const half = theirs.length / 2;
      const signature = { r: theirs.subarray(0, half), s: theirs.subarray(half) };
      expect(verifiesDigest(publicKey, digest, signature)).toBe(true);
      expect(verifiesDigest(publicKey, crypto.random(digest.length), signature)).toBe(false);
    },
  );

  it('takes a scalar from outside, and none that is no key', () => {
    const key = ecKeyFrom(crypto, curve, new Secret(crypto.random(74)));
    expect(ecKeyOfBytes(crypto, curve, scalarBytes(key))?.scalar).toBe(key.scalar);
    for (const bytes of [new Uint8Array(32), new Uint8Array(70).fill(0xff)])
      expect(ecKeyOfBytes(crypto, curve, bytes)).toBe(undefined);
  });
});
