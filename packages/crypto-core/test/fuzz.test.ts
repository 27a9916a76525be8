import { concat, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import fuzzProviders from '../fuzz/providers.ts';
import fuzzSignature from '../fuzz/signature.ts';
import { ECDH, WYCHEPROOF_RSA } from '../src/contract/published.ts';
import { rsaPkcs8Of } from '../src/contract/raw-rsa.ts';
import { nodeCrypto } from '../src/node/index.ts';

describe('the fuzz targets', () => {
  it('providers: hold for our keys, cut and spliced', async () => {
    const ec = await nodeCrypto.generateKey({ type: 'ec', curve: 'P-384' });
    const rsa = expectOk(nodeCrypto.privateKey(rsaPkcs8Of()));
    const seeds = [ec, rsa].flatMap((key) => [key.publicKey.spki, key.export().use((lent) => Uint8Array.from(lent))]);
    for (const bytes of [...seeds, new Uint8Array(0), utf8('-----BEGIN PRIVATE KEY-----')])
      holdsAround(fuzzProviders, bytes);
  });
  it('signature: holds for signatures, cut and spliced', () => {
    const { rsassaSha256, rsapssSha256 } = WYCHEPROOF_RSA;
    const point = concat(ECDH[0].x, ECDH[0].y);
    for (const [place, bytes] of [rsassaSha256, rsapssSha256, point].entries())
      holdsAround((changed) => fuzzSignature(concat(Uint8Array.of(place), changed)), bytes);
  });
});

function holdsAround(target: (bytes: Uint8Array) => void, bytes: Uint8Array): void {
  expect(() => target(bytes)).not.toThrow();
  for (let at = 0; at < bytes.length; at += 1 + (bytes.length >> 6)) {
    expect(() => target(concat(bytes.subarray(0, at), bytes.subarray(at + (at % 13))))).not.toThrow();
    for (const mask of [0x01, 0x20, 0x80, 0xff]) expect(() => target(bytes.with(at, bytes[at]! ^ mask))).not.toThrow();
  }
}
