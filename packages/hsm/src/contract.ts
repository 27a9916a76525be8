import { toHex, utf8 } from '@sekimori/bytes';
import { type Crypto, sameKey, Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import type { KeyFiles } from './key-files.ts';
import { type KeyName, parseKeyName } from './key-name.ts';
import type { KeyStore, StoredKeySpec } from './key-store.ts';

const named = (text: string): KeyName => expectOk(parseKeyName(text));
const SIGN: StoredKeySpec = { use: 'sign', type: 'ec', curve: 'P-256' };
const AGREE: StoredKeySpec = { use: 'agree', type: 'ec', curve: 'P-256' };

/**
 * What every KeyStore must do. Each `make` gives a new, empty place for keys, as a function that opens a store on it;
 * called again it is what a restarted service sees (where keys do not outlive the store: the same store).
 */
export function keyStoreContract(name: string, crypto: Crypto, make: () => Promise<() => Promise<KeyStore>>): void {
  describe(`KeyStore: ${name}`, () => {
    it('makes a key that signs', async () => {
      const store = await open(make);
      const made = expectOk(await store.generate(named('kps-signing'), SIGN));
      expect(made).toMatchObject({ name: 'kps-signing', use: 'sign' });
      const key = expectOk(await store.signingKey(named('kps-signing')));
      expect(sameKey(key.publicKey, made.publicKey)).toBe(true);
      expect(key.algorithm).toBe('ecdsa-sha256');
      const data = utf8('data');
      expect(crypto.verify(made.publicKey, 'ecdsa-sha256', data, await key.sign(data))).toBe(true);
      const sha384 = expectOk(await store.signingKey(named('kps-signing'), 'ecdsa-sha384'));
      expect(crypto.verify(made.publicKey, 'ecdsa-sha384', data, await sha384.sign(data))).toBe(true);
    });

    it('makes a key that agrees', async () => {
      const store = await open(make);
      expectOk(await store.generate(named('kps-encryption'), AGREE));
      const key = expectOk(await store.agreementKey(named('kps-encryption')));
      const { publicKey, sharedSecret } = crypto.agreeEphemeral(key.publicKey);
      expect((await key.agree(publicKey)).use(toHex)).toBe(sharedSecret.use(toHex));
    });

    it('keeps the uses apart', async () => {
      const store = await open(make);
      expectOk(await store.generate(named('s'), SIGN));
      expectOk(await store.generate(named('a'), AGREE));
      expect(await store.signingKey(named('a'))).toMatchObject({ fault: { code: 'key-use' } });
      expect(await store.agreementKey(named('s'))).toMatchObject({ fault: { code: 'key-use' } });
      expect(await store.signingKey(named('s'), 'rsapss-sha256')).toMatchObject({ fault: { code: 'key-use' } });
    });

    it('knows no key that was not made', async () => {
      const store = await open(make);
      expect(await store.signingKey(named('none'))).toMatchObject({ fault: { code: 'key-unknown' } });
      expect(await store.agreementKey(named('none'))).toMatchObject({ fault: { code: 'key-unknown' } });
      expect(await store.has(named('none'))).toBe(false);
      expect(await store.delete(named('none'))).toBe(false);
      expect(await store.list()).toEqual([]);
    });

    it('never overwrites a key, also not for two callers at once', async () => {
      const store = await open(make);
      const both = await Promise.all([store.generate(named('k'), SIGN), store.generate(named('k'), AGREE)]);
      const [made] = both.filter((outcome) => outcome.ok);
      expect(both.filter((outcome) => !outcome.ok)).toMatchObject([{ fault: { code: 'key-exists' } }]);
      expect(await store.generate(named('k'), SIGN)).toMatchObject({ fault: { code: 'key-exists' } });
      expect(toHex((await store.list())[0]!.publicKey.spki)).toBe(toHex(made!.value.publicKey.spki));
    });

    it('lists by name, and forgets what was deleted', async () => {
      const store = await open(make);
      for (const text of ['b', 'a', 'c']) expectOk(await store.generate(named(text), SIGN));
      expect((await store.list()).map((key) => key.name)).toEqual(['a', 'b', 'c']);
      expect(await store.delete(named('b'))).toBe(true);
      expect(await store.has(named('b'))).toBe(false);
      expect((await store.list()).map((key) => key.name)).toEqual(['a', 'c']);
      expectOk(await store.generate(named('b'), AGREE));
    });

    it('has its keys still when it is opened again', async () => {
      const place = await make();
      const store = await place();
      const made = expectOk(await store.generate(named('k'), SIGN));
      const again = await place();
      const key = expectOk(await again.signingKey(named('k')));
      expect(sameKey(key.publicKey, made.publicKey)).toBe(true);
      expect(crypto.verify(made.publicKey, 'ecdsa-sha256', utf8('x'), await key.sign(utf8('x')))).toBe(true);
    });
  });
}

async function open(make: () => Promise<() => Promise<KeyStore>>): Promise<KeyStore> {
  return (await make())();
}

/** What every KeyFiles must do; `make` gives an empty one. */
export function keyFilesContract(name: string, make: () => Promise<KeyFiles>): void {
  describe(`KeyFiles: ${name}`, () => {
    const content = new Secret(utf8('content'));

    it('gives back what was written, as often as asked', async () => {
      const files = await make();
      expect(await files.writeNew(named('k'), content)).toBe(true);
      for (let time = 0; time < 2; time++) {
        const read = await files.read(named('k'));
        expect(read?.use(toHex)).toBe(content.use(toHex));
        read?.wipe();
      }
      expect(await files.list()).toEqual(['k']);
    });

    it('writes a name once, also for callers at the same moment', async () => {
      const files = await make();
      const outcomes = await Promise.all(
        [1, 2, 3].map((byte) => files.writeNew(named('k'), new Secret(new Uint8Array(9).fill(byte)))),
      );
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      const kept = outcomes.indexOf(true) + 1;
      expect((await files.read(named('k')))?.use(toHex)).toBe(toHex(new Uint8Array(9).fill(kept)));
      expect(await files.writeNew(named('k'), content)).toBe(false);
    });

    it('has nothing that was not written, and nothing that was removed', async () => {
      const files = await make();
      expect(await files.read(named('none'))).toBeUndefined();
      expect(await files.remove(named('none'))).toBe(false);
      await files.writeNew(named('k'), content);
      expect(await files.remove(named('k'))).toBe(true);
      expect(await files.read(named('k'))).toBeUndefined();
      expect(await files.list()).toEqual([]);
    });
  });
}
