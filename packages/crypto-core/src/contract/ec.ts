import { concat, fromHex, toHex, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CurveName, curveWidth, HASHES, type HashName } from '../algorithms.ts';
import type { Crypto, PrivateKey } from '../crypto.ts';
import * as der from '../der.ts';
import { ecdsaFromDer, ecdsaToDer } from '../ecdsa.ts';
import type { EcPublicKey } from '../public-key.ts';
import type { Secret } from '../secret.ts';
import { ECDH, ORDERS, RFC_6979 } from './published.ts';
import { pkcs8Of } from './raw-rsa.ts';

const DATA = utf8('data');
const NAMES = Object.keys(HASHES) as HashName[];
const CURVE_OIDS = { 'P-256': '1.2.840.10045.3.1.7', 'P-384': '1.3.132.0.34', 'P-521': '1.3.132.0.35' } as const;

export function ecContract(crypto: Crypto): void {
  describe.each(['P-256', 'P-384', 'P-521'] as const)('%s', (curve) => {
    const width = curveWidth(curve);
    let key: PrivateKey;
    let publicKey: EcPublicKey;
    beforeAll(async () => {
      key = await crypto.generateKey({ type: 'ec', curve });
      publicKey = ecOf(key);
    });

    it('has coordinates of the curve’s width', () => {
      expect(publicKey).toMatchObject({ type: 'ec', curve, bits: curve === 'P-521' ? 521 : 8 * width });
      expect([publicKey.x.length, publicKey.y.length]).toEqual([width, width]);
    });
    it.each(NAMES)('signs and verifies over %s', async (hash) => {
      const signature = await key.sign(`ecdsa-${hash}`, DATA);
      const verify = (changed = signature, data = DATA) => crypto.verify(publicKey, `ecdsa-${hash}`, data, changed);
      expect(signature).toHaveLength(2 * width);
      expect(verify()).toBe(true);
      expect(verify(signature, utf8('Data'))).toBe(false);
      for (const other of NAMES)
        if (other !== hash) expect(crypto.verify(publicKey, `ecdsa-${other}`, DATA, signature)).toBe(false);
      expect(crypto.verify(publicKey, 'rsassa-sha256', DATA, signature)).toBe(false);
      expect(crypto.verify(publicKey, 'rsapss-sha256', DATA, signature)).toBe(false);
      expect(ecdsaFromDer(ecdsaToDer(signature), curve)).toEqual(signature);
    });
    it('takes s and the order less s, and r and s of 1 to the order less 1 alone', async () => {
      const order = numberOf(ORDERS[curve]);
      const top = curve === 'P-521' ? (1n << 528n) - 1n : (1n << BigInt(8 * width)) - 1n;
      const signature = await key.sign('ecdsa-sha256', DATA);
      const [r, s] = [numberOf(signature.subarray(0, width)), numberOf(signature.subarray(width))];
      const holds = (first: bigint, second: bigint) =>
        crypto.verify(publicKey, 'ecdsa-sha256', DATA, concat(bytesOf(first, width), bytesOf(second, width)));
      expect(holds(r, s)).toBe(true);
      expect(holds(r, order - s)).toBe(true);
      for (const bad of [0n, order, order + 1n, top]) {
        expect(holds(bad, s)).toBe(false);
        expect(holds(r, bad)).toBe(false);
        expect(holds(bad, bad)).toBe(false);
      }
      // The same numbers modulo the order, where they fit.
      if (r + order <= top) expect(holds(r + order, s)).toBe(false);
      if (s + order <= top) expect(holds(r, s + order)).toBe(false);
      expect(holds(s, r)).toBe(false);
      expect(holds(order - r, s)).toBe(false);
    });
    it('refuses signatures of other lengths and forms', async () => {
      const signature = await key.sign('ecdsa-sha256', DATA);
      const [r, s] = [signature.subarray(0, width), signature.subarray(width)];
      const zero = Uint8Array.of(0);
      for (const other of [
        new Uint8Array(0),
        signature.subarray(1),
        signature.subarray(0, -1),
        concat(signature, zero),
        concat(zero, signature),
        concat(zero, r, zero, s),
        r,
        ecdsaToDer(signature),
        new Uint8Array(2 * width),
        new Uint8Array(2 * width).fill(0xff),
      ])
        expect(crypto.verify(publicKey, 'ecdsa-sha256', DATA, other)).toBe(false);
      for (let at = 0; at < signature.length; at += 7) {
        const changed = Uint8Array.from(signature);
        changed[at]! ^= 1;
        expect(crypto.verify(publicKey, 'ecdsa-sha256', DATA, changed)).toBe(false);
      }
    });
    it('agrees with a key made for one message', async () => {
      const { publicKey: fresh, sharedSecret } = crypto.agreeEphemeral(publicKey);
      expect(sharedSecret).toHaveLength(width);
      expect(crypto.publicKey(fresh)).toEqual({ ok: true, value: fresh });
      expect((await key.agree(fresh)).use(toHex)).toBe(sharedSecret.use(toHex));
      const other = crypto.agreeEphemeral(publicKey);
      expect(toHex(other.publicKey.x)).not.toBe(toHex(fresh.x));
      expect(other.sharedSecret.use(toHex)).not.toBe(sharedSecret.use(toHex));
    });
    it('goes out as PKCS#8 and comes back the same', async () => {
      const again = expectOk(crypto.privateKey(key.export()));
      expect(again.publicKey).toEqual(publicKey);
      expect(again.export().use(toHex)).toBe(key.export().use(toHex));
      expect(crypto.verify(publicKey, 'ecdsa-sha256', DATA, await again.sign('ecdsa-sha256', DATA))).toBe(true);
    });
    it('does not do what an RSA key or one of another curve does', async () => {
      await expect(key.sign('rsassa-sha256', DATA)).rejects.toThrow();
      await expect(key.decrypt('sha256', new Uint8Array(0), new Uint8Array(256))).rejects.toThrow();
      const other = await crypto.generateKey({ type: 'ec', curve: curve === 'P-256' ? 'P-384' : 'P-256' });
      await expect(key.agree(ecOf(other))).rejects.toThrow();
    });

    it('refuses points that are not on the curve', () => {
      const { x, y } = publicKey;
      const spec = (point: { readonly x: Uint8Array; readonly y: Uint8Array }) =>
        crypto.publicKey({ type: 'ec', curve, ...point });
      const flipped = Uint8Array.from(y);
      flipped[width - 1]! ^= 1;
      expect(spec({ x, y }).ok).toBe(true);
      for (const point of [
        { x, y: flipped },
        { x: y, y: x },
        { x: new Uint8Array(width), y: new Uint8Array(width) },
        { x: new Uint8Array(0), y: new Uint8Array(0) },
        { x, y: new Uint8Array(width) },
        { x: new Uint8Array(width).fill(0xff), y },
        { x: new Uint8Array(width + 1).fill(1), y },
        { x, y: concat(Uint8Array.of(1), y) },
      ])
        expect(spec(point)).toMatchObject({ ok: false, fault: { code: 'invalid-key' } });
    });
    it('takes coordinates with zeros before them, and without', () => {
      const zero = Uint8Array.of(0);
      const longer = { x: concat(zero, publicKey.x), y: concat(zero, zero, publicKey.y) };
      expect(expectOk(crypto.publicKey({ type: 'ec', curve, ...longer }))).toEqual(publicKey);
    });

    const published = ECDH.find((each) => each.curve === curve)!;
    it('agrees as published, from a private key that comes without its point', async () => {
      const own = expectOk(crypto.privateKey(ecPkcs8Of(curve, published.scalar)));
      expect(own.publicKey).toMatchObject({ x: published.x, y: published.y });
      const peer = expectOk(crypto.publicKey({ type: 'ec', curve, ...published.peer }));
      if (peer.type !== 'ec') throw new Error('an EC key was asked for');
      expect((await own.agree(peer)).use(toHex)).toBe(toHex(published.shared));
    });
    it('verifies the signature of RFC 6979', () => {
      const { algorithm, scalar, signature } = RFC_6979.find((each) => each.curve === curve)!;
      const signer = expectOk(crypto.privateKey(ecPkcs8Of(curve, scalar))).publicKey;
      expect(crypto.verify(signer, algorithm, utf8('sample'), signature)).toBe(true);
      expect(crypto.verify(signer, algorithm, utf8('Sample'), signature)).toBe(false);
    });

    it('refuses private keys that are none', () => {
      const { scalar, x, y } = published;
      const point = concat(Uint8Array.of(4), x, y);
      const take = (number: Uint8Array, beside?: Uint8Array, named = curve) =>
        crypto.privateKey(ecPkcs8Of(curve, number, beside, named)).ok;
      expect(take(scalar)).toBe(true);
      expect(take(scalar, point)).toBe(true);
      const order = numberOf(ORDERS[curve]);
      expect(take(bytesOf(order - 1n, width))).toBe(true);
      for (const bad of [new Uint8Array(0), new Uint8Array(width), ORDERS[curve], bytesOf(order + 1n, width)])
        expect(take(bad)).toBe(false);
      expect(take(new Uint8Array(width).fill(0xff))).toBe(false);
      expect(take(concat(Uint8Array.of(1), scalar))).toBe(false);
      const another = concat(Uint8Array.of(4), published.peer.x, published.peer.y);
      for (const bad of [another, point.subarray(1), new Uint8Array(0), concat(point, Uint8Array.of(0))])
        expect(take(scalar, bad)).toBe(false);
      const other = curve === 'P-256' ? 'P-384' : 'P-256';
      expect(take(scalar, point, other)).toBe(false);
    });
  });

  it('refuses keys of other curves', () => {
    // secp256k1, which Bitcoin uses, is no curve of the port.
    const k1 = der.sequence(der.oid('1.2.840.10045.2.1'), der.oid('1.3.132.0.10'));
    const body = der.sequence(der.integer(1), der.octetString(ECDH[0].scalar));
    expect(crypto.privateKey(pkcs8Of(k1, body))).toMatchObject({ ok: false, fault: { code: 'invalid-key' } });
    const spki = der.sequence(k1, der.bitString(concat(Uint8Array.of(4), ECDH[0].x, ECDH[0].y)));
    expect(crypto.publicKey({ type: 'spki', der: spki })).toMatchObject({ ok: false });
  });
}

/** PKCS#8 with what it shall hold. `named` is the curve that stands inside, where it is another. */
export function ecPkcs8Of(curve: CurveName, scalar: Uint8Array, point?: Uint8Array, named = curve): Secret {
  const algorithm = der.sequence(der.oid('1.2.840.10045.2.1'), der.oid(CURVE_OIDS[curve]));
  const body = der.sequence(
    der.integer(1),
    der.octetString(scalar),
    der.tagged(0, der.oid(CURVE_OIDS[named])),
    ...(point ? [der.tagged(1, der.bitString(point))] : []),
  );
  return pkcs8Of(algorithm, body);
}

function ecOf(key: PrivateKey): EcPublicKey {
  if (key.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
  return key.publicKey;
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}

function bytesOf(value: bigint, width: number): Uint8Array<ArrayBuffer> {
  return fromHex(value.toString(16).padStart(2 * width, '0'))!;
}
