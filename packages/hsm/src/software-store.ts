import {
  agreementKeyOf,
  type Crypto,
  type PrivateKey,
  Secret,
  type SignatureAlgorithm,
  signatureFamily,
  signingKeyOf,
} from '@sekimori/crypto-core';
import { type Failed, fail, ok } from '@sekimori/result';
import { type KeyFiles, memoryKeyFiles } from './key-files.ts';
import type { KeyName } from './key-name.ts';
import type { KeyFault, KeyStore, KeyUse, StoredKey } from './key-store.ts';

/** Keys in the memory of this process, and nowhere else. */
export function memoryKeyStore(crypto: Crypto): KeyStore {
  return softwareKeyStore(crypto, memoryKeyFiles());
}

/** Keys as PKCS#8 blobs: as safe as the files they lie in and the process that reads them. */
export function softwareKeyStore(crypto: Crypto, files: KeyFiles): KeyStore {
  const load = async (name: KeyName): Promise<HeldKey | undefined> => {
    const blob = await files.read(name);
    if (!blob) return undefined;
    const held = readBlob(crypto, blob);
    blob.wipe();
    if (!held) throw new Error(`the key store's blob '${name}' is not one it wrote`);
    return held;
  };
  return {
    generate: async (name, spec) => {
      // asked first, so that a taken name costs no key; writeNew decides
      if (await files.read(name)) return exists(name);
      const key = await crypto.generateKey(spec);
      const blob = blobOf({ use: spec.use, key });
      const written = await files.writeNew(name, blob);
      blob.wipe();
      return written ? ok({ name, use: spec.use, publicKey: key.publicKey }) : exists(name);
    },
    signingKey: async (name, algorithm) => {
      const held = await load(name);
      if (!held) return unknown(name);
      if (held.use !== 'sign') return fail('key-use', `the key '${name}' is not for signing`);
      if (algorithm && !fits(held.key, algorithm))
        return fail('key-use', `the key '${name}' does not fit ${algorithm}`);
      return ok(signingKeyOf(held.key, algorithm));
    },
    agreementKey: async (name) => {
      const held = await load(name);
      if (!held) return unknown(name);
      return held.use === 'agree'
        ? ok(agreementKeyOf(held.key))
        : fail('key-use', `the key '${name}' is not for key agreement`);
    },
    list: async () => {
      const keys: StoredKey[] = [];
      for (const name of (await files.list()).toSorted()) {
        const held = await load(name);
        if (held) keys.push({ name, use: held.use, publicKey: held.key.publicKey });
      }
      return keys;
    },
    has: async (name) => (await files.read(name)) !== undefined,
    delete: (name) => files.remove(name),
  };
}

interface HeldKey {
  readonly use: KeyUse;
  readonly key: PrivateKey;
}

/** The blob: its version, then the use, then PKCS#8 DER. */
const VERSION = 1;
const USES: readonly KeyUse[] = ['sign', 'agree'];

function blobOf(held: HeldKey): Secret {
  return held.key.export().use((pkcs8) => {
    const bytes = new Uint8Array(2 + pkcs8.length);
    bytes.set([VERSION, USES.indexOf(held.use)]);
    bytes.set(pkcs8, 2);
    const blob = new Secret(bytes);
    bytes.fill(0);
    return blob;
  });
}

function readBlob(crypto: Crypto, blob: Secret): HeldKey | undefined {
  return blob.use((bytes) => {
    const use = USES[bytes[1] ?? -1];
    if (bytes[0] !== VERSION || use === undefined) return undefined;
    const pkcs8 = new Secret(bytes.subarray(2));
    const key = crypto.privateKey(pkcs8);
    pkcs8.wipe();
    if (!key.ok || (use === 'agree' && key.value.publicKey.type !== 'ec')) return undefined;
    return { use, key: key.value };
  });
}

function fits(key: PrivateKey, algorithm: SignatureAlgorithm): boolean {
  return (signatureFamily(algorithm) === 'ecdsa') === (key.publicKey.type === 'ec');
}

function exists(name: KeyName) {
  return fail('key-exists', `a key '${name}' exists; keys are never overwritten`);
}

function unknown(name: KeyName): Failed<KeyFault> {
  return fail('key-unknown', `no key '${name}'`);
}
