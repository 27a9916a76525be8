import { fromHex, toHex } from '@sekimori/bytes';
import { expect, it } from 'vitest';
import { CURVES, curveWidth, readUncompressedPoint, uncompressedPoint } from '../src/index.ts';
import { nodeCrypto } from '../src/node/index.ts';

/** The base point of P-256. SEC 2 section 2.4.2. */
const G = fromHex(
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
)!;
const read = (point: Uint8Array) => readUncompressedPoint(nodeCrypto, 'P-256', point);

it('reads a point of the curve, and writes it as it was', () => {
  const key = read(G);
  expect(key && toHex(uncompressedPoint(key))).toBe(toHex(G));
});

it.each(Object.keys(CURVES) as (keyof typeof CURVES)[])('writes coordinates of the full width of %s', async (curve) => {
  const { publicKey } = await nodeCrypto.generateKey({ type: 'ec', curve });
  if (publicKey.type !== 'ec') throw new Error('not EC');
  const point = uncompressedPoint(publicKey);
  expect(point).toHaveLength(1 + 2 * curveWidth(curve));
  expect(readUncompressedPoint(nodeCrypto, curve, point)?.spki).toEqual(publicKey.spki);
});

it.each([
  ['nothing', new Uint8Array(0)],
  ['the point at infinity', Uint8Array.of(0)],
  ['the compressed form', Uint8Array.of(3, ...G.subarray(1, 33))],
  ['the hybrid form', Uint8Array.of(7, ...G.subarray(1))],
  ['one byte less', G.subarray(0, 64)],
  ['one byte more', Uint8Array.of(...G, 0)],
  ['a point beside the curve', Uint8Array.of(...G.subarray(0, 64), (G[64] as number) ^ 1)],
])('refuses %s', (_, point) => {
  expect(read(point)).toBeUndefined();
});
