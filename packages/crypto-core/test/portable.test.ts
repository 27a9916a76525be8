import { utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cryptoContract } from '../src/contract.ts';
import { rsaPkcs8Of } from '../src/contract/raw-rsa.ts';
import { portableCrypto } from '../src/portable/index.ts';

cryptoContract('portable', portableCrypto);

describe('a page without a secure context, which has no WebCrypto but random bytes', () => {
  afterEach(() => vi.unstubAllGlobals());
  const { crypto: whole } = globalThis;
  const withoutSubtle = () =>
    vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => whole.getRandomValues(bytes) });
  const data = utf8('data');

  it('reads private RSA keys, and rejects what is to be done with them', async () => {
    withoutSubtle();
    const key = expectOk(portableCrypto.privateKey(rsaPkcs8Of()));
    await expect(key.sign('rsassa-sha256', data)).rejects.toThrow('WebCrypto');
    await expect(key.decrypt('sha256', data, new Uint8Array(256))).rejects.toThrow('WebCrypto');
    await expect(portableCrypto.generateKey({ type: 'rsa', bits: 2048 })).rejects.toThrow('WebCrypto');
  });
  it('does everything else', async () => {
    withoutSubtle();
    const key = await portableCrypto.generateKey({ type: 'ec', curve: 'P-256' });
    expect(portableCrypto.verify(key.publicKey, 'ecdsa-sha256', data, await key.sign('ecdsa-sha256', data))).toBe(true);
    const rsa = expectOk(portableCrypto.privateKey(rsaPkcs8Of())).publicKey;
    if (rsa.type !== 'rsa') throw new Error('an RSA key was asked for');
    expect(portableCrypto.rsaOaepEncrypt(rsa, 'sha256', data, data)).toHaveLength(256);
  });
  it('uses a private RSA key once WebCrypto is there', async () => {
    withoutSubtle();
    const key = expectOk(portableCrypto.privateKey(rsaPkcs8Of()));
    await expect(key.sign('rsassa-sha256', data)).rejects.toThrow('WebCrypto');
    vi.unstubAllGlobals();
    expect(portableCrypto.verify(key.publicKey, 'rsassa-sha256', data, await key.sign('rsassa-sha256', data))).toBe(
      true,
    );
  });
});
