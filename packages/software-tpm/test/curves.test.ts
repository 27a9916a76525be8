import { toHex } from '@sekimori/bytes';
import { type EcPublicKey, Secret } from '@sekimori/crypto-core';
import { describe, expect, it } from 'vitest';
import { ecKeyFrom, ecKeyOf, sharedPoint } from '../src/curves.ts';
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
});
