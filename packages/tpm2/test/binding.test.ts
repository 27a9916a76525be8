import { concat } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { describe, expect, it } from 'vitest';
import { belongTogether } from '../src/protection/binding.ts';
import {
  AK_ECC_P256,
  AK_RSA_2048,
  publicArea,
  TPMA_OBJECT,
  type TpmtPublic,
  type TpmtSensitive,
} from '../src/index.ts';
import { hex } from './bytes.ts';

const SEED = Uint8Array.from({ length: 32 }, (_, at) => at);
const DATA = Uint8Array.of(1, 2, 3);
const hashed = crypto.hash('sha256', concat(SEED, DATA));
const NONE = new Uint8Array(0);

/** The base point of P-256, whose scalar is 1. FIPS 186-4, D.1.2.3. */
const BASE_POINT = {
  x: hex('6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'),
  y: hex('4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5'),
};
const common = { nameAlg: 'sha256', objectAttributes: TPMA_OBJECT.of('sign'), authPolicy: NONE } as const;
const areas = {
  ecc: { ...AK_ECC_P256.value, unique: { is: 'ecc', value: BASE_POINT } },
  // a modulus of two factors that are easy to write down; that they are no primes nobody sees
  rsa: { ...AK_RSA_2048.value, unique: { is: 'rsa', value: product(0xf1n) } },
  keyedhash: {
    type: 'keyedhash',
    ...common,
    parameters: { is: 'keyedhash', value: { scheme: { scheme: 'null' } } },
    unique: { is: 'keyedhash', value: hashed },
  },
  symcipher: {
    type: 'symcipher',
    ...common,
    parameters: { is: 'symcipher', value: { sym: { algorithm: 'aes', keyBits: 128, mode: 'cfb' } } },
    unique: { is: 'symcipher', value: hashed },
  },
} as const satisfies Record<string, TpmtPublic>;
type Kind = keyof typeof areas;

const sensitiveOf = (kind: Kind, value: Uint8Array): TpmtSensitive => ({
  sensitiveType: kind,
  authValue: NONE,
  seedValue: SEED,
  sensitive: { is: kind, value },
});
const FACTOR = bytesOf(factor(0xf1n), 128);

describe('the two halves of an object', () => {
  it.each<[Kind, Uint8Array, Uint8Array]>([
    ['ecc', Uint8Array.of(1), Uint8Array.of(2)],
    ['rsa', FACTOR, FACTOR.with(127, FACTOR[127]! ^ 2)],
    ['keyedhash', DATA, Uint8Array.of(1, 2)],
    ['symcipher', DATA, Uint8Array.of(1, 2, 4)],
  ])('of %s belong together or do not', (kind, own, other) => {
    const area = publicArea(areas[kind]);
    expect(belongTogether(crypto, area, sensitiveOf(kind, own))).toBe(true);
    for (const wrong of [other, NONE, new Uint8Array(own.length)])
      expect(belongTogether(crypto, area, sensitiveOf(kind, wrong))).toBe(false);
    for (const alien of Object.keys(areas) as Kind[])
      if (alien !== kind) expect(belongTogether(crypto, publicArea(areas[alien]), sensitiveOf(kind, own))).toBe(false);
  });

  it('are told by the seed too, where that is hashed', () => {
    const sensitive = { ...sensitiveOf('keyedhash', DATA), seedValue: new Uint8Array(32) };
    expect(belongTogether(crypto, publicArea(areas.keyedhash), sensitive)).toBe(false);
  });
});

function factor(top: bigint): bigint {
  return (top << 1016n) | 1n;
}

function product(top: bigint): Uint8Array {
  return bytesOf(factor(top) * factor(0xf3n), 256);
}

function bytesOf(value: bigint, length: number): Uint8Array {
  return hex(value.toString(16).padStart(2 * length, '0'));
}
