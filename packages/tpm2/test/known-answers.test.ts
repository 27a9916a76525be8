import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createPrivateKey } from 'node:crypto';
import { toHex } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { type HashName, Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  kdfa,
  publicArea,
  recoverSeed,
  type SeedKey,
  type SeedLabel,
  TPM_ALG,
  TPMT_PUBLIC,
  TPMT_SENSITIVE,
} from '../src/index.ts';
import { hex } from './bytes.ts';

const VECTORS = join(
  resolve(process.env['SEKIMORI_CORPUS'] ?? join(import.meta.dirname, '../../../../shared/corpus')),
  'google+go-tpm/tpm2/test/testvectors',
);
const isAbsent = !existsSync(VECTORS);
if (isAbsent) console.warn('skipped: the corpus is not here; SEKIMORI_CORPUS names its folder');
const read = (name: string): unknown => JSON.parse(readFileSync(join(VECTORS, name), 'utf8'));

describe.skipIf(isAbsent)('known answers of go-tpm', () => {
  interface Kdfa {
    readonly Name: string;
    readonly HashAlg: number;
    readonly Key: string;
    readonly Label: string;
    readonly ContextU: string;
    readonly ContextV: string;
    readonly Bits: number;
    readonly Result: string;
  }
  const HASH_OF = new Map(
    (['sha1', 'sha256', 'sha384', 'sha512'] as const).map((name) => [TPM_ALG[name] as number, name]),
  );

  it('KDFa, with any number of bits', () => {
    const vectors = read('kdfa.json') as readonly Kdfa[];
    expect(vectors).toHaveLength(100);
    for (const each of vectors) {
      const hash = HASH_OF.get(each.HashAlg) as HashName;
      const derived = kdfa(crypto, hash, hex(each.Key), each.Label, hex(each.ContextU), hex(each.ContextV), each.Bits);
      expect(derived.use(toHex), each.Name).toBe(each.Result);
    }
  });

  interface Encapsulated {
    readonly Name: string;
    readonly Label: SeedLabel;
    readonly PublicKey: string;
    readonly PrivateKey: string;
    readonly Secret: string;
    readonly Ciphertext: string;
  }
  it('secrets shared with RSA keys, restricted and not, under each label', async () => {
    const vectors = read('rsa_labeled_encaps.json') as readonly Encapsulated[];
    expect(vectors).toHaveLength(100);
    for (const each of vectors) {
      const key = seedKeyOf(each);
      const secret = await recoverSeed(crypto, key, each.Label, hex(each.Ciphertext));
      expect(secret?.use(toHex), each.Name).toBe(each.Secret);
      const other = each.Label === 'SECRET' ? 'IDENTITY' : 'SECRET';
      expect(await recoverSeed(crypto, key, other, hex(each.Ciphertext)), each.Name).toBeUndefined();
    }
  });

  function seedKeyOf({ PublicKey, PrivateKey }: Encapsulated): SeedKey {
    const area = publicArea(expectOk(decode(TPMT_PUBLIC, hex(PublicKey))));
    const { sensitive } = expectOk(decode(TPMT_SENSITIVE, hex(PrivateKey)));
    if (area.value.unique.is !== 'rsa' || sensitive.is !== 'rsa') throw new Error('the vectors are of RSA keys');
    const pkcs8 = createPrivateKey({ key: rsaJwk(area.value.unique.value, sensitive.value), format: 'jwk' }).export({
      type: 'pkcs8',
      format: 'der',
    });
    return { publicArea: area, privateKey: expectOk(crypto.privateKey(new Secret(pkcs8))) };
  }
});

/** A TPM keeps one prime of an RSA key: the rest follows. */
function rsaJwk(modulus: Uint8Array, prime: Uint8Array) {
  const [n, p, e] = [numberOf(modulus), numberOf(prime), 65537n];
  const q = n / p;
  const d = inverse(e, (p - 1n) * (q - 1n));
  const parts = { n, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  return { kty: 'RSA', ...Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, base64Url(value)])) };
}

const numberOf = (bytes: Uint8Array) => BigInt(`0x${toHex(bytes)}`);

function base64Url(value: bigint): string {
  const text = value.toString(16);
  return Buffer.from(text.padStart(2 * Math.ceil(text.length / 2), '0'), 'hex').toString('base64url');
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (a > 1n) {
    const quotient = a / b;
    [a, b] = [b, a % b];
    [x, y] = [y, x - quotient * y];
  }
  return x < 0n ? x + modulus : x;
}
