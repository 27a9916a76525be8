import { toHex, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import type { Crypto, PublicKeySpec } from '../crypto.ts';
import * as der from '../der.ts';
import { sameKey } from '../public-key.ts';
import { Secret } from '../secret.ts';
import { ecPkcs8Of } from './ec.ts';
import { ECDH, WYCHEPROOF_RSA } from './published.ts';
import { pkcs8Of, rsaPkcs8Of } from './raw-rsa.ts';

const REFUSED = { ok: false, fault: { code: 'invalid-key' } };
const POINT = { type: 'ec', curve: 'P-256', x: ECDH[0].x, y: ECDH[0].y } as const;
const RSA = { type: 'rsa', modulus: WYCHEPROOF_RSA.modulus, exponent: 65537 } as const;

/** One, as PKCS#8 may have them: keyUsage. */
const ATTRIBUTES = der.element(
  0xa0,
  der.sequence(der.oid('2.5.29.15'), der.set(der.bitString(Uint8Array.of(0x80), 7))),
);

/** PKCS#8 of an EC key, of this version, with more behind it. */
function ecWith(version: number, more: readonly Uint8Array[]): Secret {
  const whole = ecPkcs8Of('P-256', ECDH[0].scalar).use((bytes) => Uint8Array.from(bytes));
  const [, algorithm, octets] = expectOk(der.children(expectOk(der.readDer(whole))));
  return new Secret(der.sequence(der.integer(version), algorithm!.bytes, octets!.bytes, ...more));
}

/** An INTEGER with two zeros before it. */
const padded = (bytes: Uint8Array) => der.element(der.TAG.integer, Uint8Array.of(0, 0), bytes);

export function keysContract(crypto: Crypto): void {
  describe('public keys', () => {
    it.each([POINT, RSA])('$type: from SPKI and from its parts alike', (spec) => {
      const fromParts = expectOk(crypto.publicKey(spec));
      const fromSpki = expectOk(crypto.publicKey({ type: 'spki', der: fromParts.spki }));
      expect(fromSpki).toEqual(fromParts);
      expect(sameKey(fromSpki, fromParts)).toBe(true);
    });
    it('takes an RSA key that is marked for OAEP', () => {
      const { spki } = expectOk(crypto.publicKey(RSA));
      const bits = expectOk(der.children(expectOk(der.readDer(spki))))[1]!;
      const oaep = der.sequence(der.sequence(der.oid('1.2.840.113549.1.1.7'), der.nothing()), bits.bytes);
      expect(sameKey(expectOk(crypto.publicKey({ type: 'spki', der: oaep })), expectOk(crypto.publicKey(RSA)))).toBe(
        true,
      );
    });
    it('takes an RSA modulus with zeros before it', () => {
      const longer = new Uint8Array(300);
      longer.set(RSA.modulus, 300 - 256);
      expect(expectOk(crypto.publicKey({ ...RSA, modulus: longer }))).toEqual(expectOk(crypto.publicKey(RSA)));
    });
    it.each<readonly [string, PublicKeySpec]>([
      ['RSA with 1024 bits', { ...RSA, modulus: RSA.modulus.subarray(128) }],
      ['RSA with 2047 bits', { ...RSA, modulus: Uint8Array.of(0x7f, ...RSA.modulus.subarray(1)) }],
      ['RSA with 8200 bits', { ...RSA, modulus: new Uint8Array(1025).fill(0xff) }],
      ['no modulus', { ...RSA, modulus: new Uint8Array(0) }],
      ['a modulus of zeros', { ...RSA, modulus: new Uint8Array(256) }],
      ['an even modulus', { ...RSA, modulus: Uint8Array.of(...RSA.modulus.subarray(0, 255), 0xd4) }],
      ['the exponent 0', { ...RSA, exponent: 0 }],
      ['the exponent 1', { ...RSA, exponent: 1 }],
      ['an even exponent', { ...RSA, exponent: 65536 }],
      ['a negative exponent', { ...RSA, exponent: -65537 }],
      ['an exponent over 32 bits', { ...RSA, exponent: 2 ** 32 + 65537 }],
      ['half an exponent', { ...RSA, exponent: 65537.5 }],
      ['no SPKI', { type: 'spki', der: new Uint8Array(0) }],
      ['text', { type: 'spki', der: utf8('-----BEGIN PUBLIC KEY-----') }],
    ])('invalid-key: %s', (_, spec) => {
      expect(crypto.publicKey(spec)).toMatchObject(REFUSED);
    });
    it.each([POINT, RSA])('$type: invalid-key for SPKI cut off or with a byte more', (spec) => {
      const { spki } = expectOk(crypto.publicKey(spec));
      for (let length = 0; length < spki.length; length++)
        expect(crypto.publicKey({ type: 'spki', der: spki.subarray(0, length) })).toMatchObject(REFUSED);
      expect(crypto.publicKey({ type: 'spki', der: Uint8Array.of(...spki, 0) })).toMatchObject(REFUSED);
      expect(crypto.publicKey({ type: 'spki', der: spki.subarray(1) })).toMatchObject(REFUSED);
    });
    it.each([POINT, RSA])('$type: SPKI with a byte flipped is refused or another key', (spec) => {
      const key = expectOk(crypto.publicKey(spec));
      for (let at = 0; at < key.spki.length; at++) {
        const changed = Uint8Array.from(key.spki);
        changed[at]! ^= 1;
        const outcome = crypto.publicKey({ type: 'spki', der: changed });
        if (outcome.ok) expect(toHex(outcome.value.spki)).not.toBe(toHex(key.spki));
        else expect(outcome).toMatchObject(REFUSED);
      }
    });
  });

  describe('private keys', () => {
    const keys = {
      ec: ecPkcs8Of('P-256', ECDH[0].scalar),
      rsa: rsaPkcs8Of(),
    };
    const { primes, modulus, exponents } = WYCHEPROOF_RSA;
    const other = Uint8Array.from(modulus);
    other[100]! ^= 1;
    it.each<readonly [string, Secret]>([
      ['nothing', new Secret(new Uint8Array(0))],
      ['text', new Secret(utf8('no key'))],
      ['another algorithm', pkcs8Of(der.sequence(der.oid('1.3.101.112')), der.octetString(new Uint8Array(32)))],
      ['RSA for PSS alone', pkcs8Of(der.sequence(der.oid('1.2.840.113549.1.1.10')), der.sequence())],
      [
        'RSA without its numbers',
        pkcs8Of(der.sequence(der.oid('1.2.840.113549.1.1.1'), der.nothing()), der.sequence()),
      ],
      ['RSA of more than two primes', rsaPkcs8Of({ version: 1 })],
      ['RSA with another modulus', rsaPkcs8Of({ modulus: other })],
      ['RSA with one prime twice', rsaPkcs8Of({ primes: [primes[0], primes[0]] })],
      ['RSA without primes', rsaPkcs8Of({ primes: [new Uint8Array(0), new Uint8Array(0)] })],
      ['RSA with the prime 1', rsaPkcs8Of({ primes: [modulus, Uint8Array.of(1)] })],
      ['RSA with the exponent 1', rsaPkcs8Of({ exponent: 1 })],
      ['RSA with an exponent of five bytes', rsaPkcs8Of({ exponent: 2 ** 32 + 1 })],
      ['RSA without exponents for the primes', rsaPkcs8Of({ exponents: [exponents[0], new Uint8Array(0)] })],
      ['RSA with a number that has a zero too many', rsaPkcs8Of({}, padded)],
      ['RSA with 1024 bits', rsaPkcs8Of({ modulus: primes[0], primes: [primes[0], Uint8Array.of(1)] })],
    ])('invalid-key: %s', (_, secret) => {
      expect(crypto.privateKey(secret)).toMatchObject(REFUSED);
    });
    it.each(['ec', 'rsa'] as const)('%s: invalid-key for PKCS#8 cut off or with a byte more', (type) => {
      const whole = keys[type].use((bytes) => Uint8Array.from(bytes));
      expect(crypto.privateKey(new Secret(whole)).ok).toBe(true);
      const step = type === 'rsa' ? 37 : 1;
      for (let length = 0; length < whole.length; length += step)
        expect(crypto.privateKey(new Secret(whole.subarray(0, length)))).toMatchObject(REFUSED);
      expect(crypto.privateKey(new Secret(whole.subarray(0, -1)))).toMatchObject(REFUSED);
      expect(crypto.privateKey(new Secret(Uint8Array.of(...whole, 0)))).toMatchObject(REFUSED);
    });
    it.each(['ec', 'rsa'] as const)(
      '%s: PKCS#8 with a byte flipped gives a key or invalid-key, and throws never',
      (type) => {
        const whole = keys[type].use((bytes) => Uint8Array.from(bytes));
        const step = type === 'rsa' ? 11 : 1;
        for (let at = 0; at < whole.length; at += step) {
          const changed = Uint8Array.from(whole);
          changed[at]! ^= 0x81;
          const outcome = crypto.privateKey(new Secret(changed));
          if (!outcome.ok) expect(outcome).toMatchObject(REFUSED);
        }
      },
    );
    it('keeps its key when the secret it came from, or one it gave out, is wiped', async () => {
      const data = utf8('data');
      for (const secret of [ecPkcs8Of('P-256', ECDH[0].scalar), rsaPkcs8Of()]) {
        const key = expectOk(crypto.privateKey(secret));
        const algorithm = key.publicKey.type === 'ec' ? 'ecdsa-sha256' : 'rsapss-sha256';
        const before = key.export();
        const exported = before.use(toHex);
        secret.wipe();
        before.wipe();
        expect(key.export().use(toHex)).toBe(exported);
        expect(crypto.verify(key.publicKey, algorithm, data, await key.sign(algorithm, data))).toBe(true);
      }
    });
    it.each<readonly [string, number, readonly Uint8Array[]]>([
      ['version 2', 2, []],
      ['an element that is neither attributes nor a public key', 0, [der.integer(1)]],
      ['attributes three times', 0, [ATTRIBUTES, ATTRIBUTES, ATTRIBUTES]],
    ])('invalid-key: %s', (_, version, more) => {
      expect(crypto.privateKey(ecWith(0, []))).toMatchObject({ ok: true });
      expect(crypto.privateKey(ecWith(version, more))).toMatchObject(REFUSED);
    });
    it('passes over attributes', () => {
      const key = expectOk(crypto.privateKey(ecWith(1, [ATTRIBUTES])));
      expect(key.publicKey).toEqual(expectOk(crypto.publicKey(POINT)));
    });
  });
}
