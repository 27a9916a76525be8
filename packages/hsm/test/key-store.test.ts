import { utf8 } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { keyFilesContract, keyStoreContract } from '../src/contract.ts';
import { memoryKeyFiles, memoryKeyStore, parseKeyName, softwareKeyStore } from '../src/index.ts';

keyFilesContract('memory', async () => memoryKeyFiles());
keyStoreContract('memory', nodeCrypto, async () => {
  const store = memoryKeyStore(nodeCrypto);
  return async () => store;
});
keyStoreContract('software over memory files', nodeCrypto, async () => {
  const files = memoryKeyFiles();
  return async () => softwareKeyStore(nodeCrypto, files);
});

describe('the software store', () => {
  const name = expectOk(parseKeyName('k'));
  const spec = { use: 'sign', type: 'ec', curve: 'P-256' } as const;

  it('holds RSA keys and other curves', async () => {
    const store = memoryKeyStore(nodeCrypto);
    expectOk(await store.generate(name, { use: 'sign', type: 'rsa', bits: 2048 }));
    const rsa = expectOk(await store.signingKey(name));
    expect(rsa.algorithm).toBe('rsapss-sha256');
    expect(nodeCrypto.verify(rsa.publicKey, rsa.algorithm, utf8('x'), await rsa.sign(utf8('x')))).toBe(true);
    const other = expectOk(parseKeyName('other'));
    expectOk(await store.generate(other, { use: 'sign', type: 'ec', curve: 'P-384' }));
    expect(expectOk(await store.signingKey(other)).algorithm).toBe('ecdsa-sha384');
  });

  it('rejects, rather than guess, when a blob is cut, changed or of another version', async () => {
    const files = memoryKeyFiles();
    const store = softwareKeyStore(nodeCrypto, files);
    expectOk(await store.generate(name, spec));
    const blob = (await files.read(name))!.use((bytes) => Uint8Array.from(bytes));
    const damaged = [
      new Uint8Array(0),
      ...[1, 2, 3, blob.length - 1].map((end) => blob.subarray(0, end)),
      blob.with(0, 2),
      blob.with(1, 2),
      blob.with(2, 0x31),
    ];
    for (const bytes of damaged) {
      await files.remove(name);
      await files.writeNew(name, new Secret(bytes));
      await expect(store.signingKey(name)).rejects.toThrow("'k' is not one it wrote");
    }
  });

  it('rejects when its files are out of reach', async () => {
    const broken = async () => {
      throw new Error('input/output error');
    };
    const store = softwareKeyStore(nodeCrypto, { read: broken, writeNew: broken, list: broken, remove: broken });
    await expect(store.generate(name, spec)).rejects.toThrow('input/output error');
    await expect(store.signingKey(name)).rejects.toThrow('input/output error');
    await expect(store.list()).rejects.toThrow('input/output error');
  });
});

describe('parseKeyName', () => {
  it.each(['k', 'kps-signing', 'kps-signing-2', 'a'.repeat(63)])('takes %s', (text) =>
    expect(parseKeyName(text)).toEqual({ ok: true, value: text }),
  );
  it.each([
    '',
    '.',
    '..',
    '../k',
    'a/b',
    'a\\b',
    'a.key',
    'A',
    '-a',
    'a-',
    'a--b',
    '1a',
    'a b',
    'a\0',
    'é',
    'a\n',
    'a'.repeat(64),
  ])('refuses %j', (text) => expect(parseKeyName(text)).toMatchObject({ ok: false, fault: { code: 'key-name' } }));
});
