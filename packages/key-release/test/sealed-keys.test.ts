import { toHex } from '@sekimori/bytes';
import { agreementKeyOf, Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { openSealedKeys, readSealedKeys, sealKeys, type SealedKeysBinding } from '../src/index.ts';
import { crypto } from './setting.ts';

const tpm = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
const healthKey = agreementKeyOf(tpm).publicKey;
const keys = { ingress: new Secret(new Uint8Array(32).fill(1)), egress: new Secret(new Uint8Array(32).fill(2)) };
const binding: SealedKeysBinding = {
  ingressProtector: new Uint8Array(32).fill(3),
  egressProtector: new Uint8Array(32).fill(4),
  healthCertificate: new Uint8Array(32).fill(5),
};

async function open(bytes: Uint8Array, tied = binding) {
  const sealed = readSealedKeys(crypto, bytes);
  if (!sealed.ok) return sealed;
  return openSealedKeys(crypto, sealed.value, healthKey, await tpm.agree(sealed.value.ephemeralKey), tied);
}

describe('sealed keys', () => {
  it('open with the shared secret of the health key', async () => {
    const opened = expectOk(await open(sealKeys(crypto, healthKey, keys, binding)));
    expect(opened.ingress.use(toHex)).toBe('01'.repeat(32));
    expect(opened.egress.use(toHex)).toBe('02'.repeat(32));
    expect(JSON.stringify(opened)).toBe('{"ingress":"[secret]","egress":"[secret]"}');
  });

  it('are never sealed alike twice', () => {
    const [one, two] = [sealKeys(crypto, healthKey, keys, binding), sealKeys(crypto, healthKey, keys, binding)];
    for (const [start, end] of [
      [0, 65],
      [65, 77],
      [77, 165],
    ] as const)
      expect(toHex(one.subarray(start, end))).not.toBe(toHex(two.subarray(start, end)));
  });

  it('open where the TPM left out leading zeros of the shared secret', async () => {
    for (let tries = 0; tries < 3000; tries++) {
      const bytes = sealKeys(crypto, healthKey, keys, binding);
      const sealed = expectOk(readSealedKeys(crypto, bytes));
      const z = await tpm.agree(sealed.ephemeralKey);
      const short = z.use((full) => (full[0] === 0 ? new Secret(full.subarray(1)) : undefined));
      if (!short) continue;
      expect(openSealedKeys(crypto, sealed, healthKey, short, binding).ok).toBe(true);
      return;
    }
    throw new Error('no shared secret began with a zero');
  });

  it('do not open for another protector or certificate', async () => {
    const bytes = sealKeys(crypto, healthKey, keys, binding);
    for (const part of ['ingressProtector', 'egressProtector', 'healthCertificate'] as const)
      expect(await open(bytes, { ...binding, [part]: new Uint8Array(32) })).toMatchObject({
        fault: { code: 'sealed-keys-not-opened' },
      });
  });

  it('do not open with any other shared secret', () => {
    const sealed = expectOk(readSealedKeys(crypto, sealKeys(crypto, healthKey, keys, binding)));
    for (const z of [new Uint8Array(0), new Uint8Array(32), new Uint8Array(33).fill(1)])
      expect(openSealedKeys(crypto, sealed, healthKey, new Secret(z), binding)).toMatchObject({
        fault: { code: 'sealed-keys-not-opened' },
      });
  });

  it('are a fault, never a throw, cut anywhere, with a byte more, and with any bit changed', async () => {
    const bytes = sealKeys(crypto, healthKey, keys, binding);
    for (let length = 0; length < bytes.length; length++)
      expect(await open(bytes.subarray(0, length))).toMatchObject({ fault: { code: 'sealed-keys-malformed' } });
    expect((await open(Uint8Array.of(...bytes, 0))).ok).toBe(false);
    for (let at = 0; at < bytes.length; at++) expect((await open(bytes.with(at, bytes[at]! ^ 1))).ok).toBe(false);
    expect(await open(bytes.with(0, 3))).toMatchObject({ fault: { code: 'sealed-keys-malformed' } });
  });

  it('are only made of transport keys and digests of the right size', () => {
    const short = { ...keys, egress: new Secret(new Uint8Array(16)) };
    expect(() => sealKeys(crypto, healthKey, short, binding)).toThrow(RangeError);
    expect(() => sealKeys(crypto, healthKey, keys, { ...binding, egressProtector: new Uint8Array(31) })).toThrow(
      RangeError,
    );
  });
});
