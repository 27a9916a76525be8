import { copyOf } from '@sekimori/bytes';
import { type HashName, hashLength, hashOf, type SignatureAlgorithm, signatureFamily } from '../algorithms.ts';
import type { PrivateKey } from '../crypto.ts';
import { secretAndWipe } from '../key-material.ts';
import type { RsaPublicKey } from '../public-key.ts';
import { Secret } from '../secret.ts';

type Use = 'RSASSA-PKCS1-v1_5' | 'RSA-PSS' | 'RSA-OAEP';
const WEB_HASH: Readonly<Record<HashName, string>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

/** PKCS#8 of a new key with the exponent 65537. */
export async function generateRsa(bits: number): Promise<Secret> {
  const { privateKey } = await subtle().generateKey(
    {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: bits,
      publicExponent: Uint8Array.of(1, 0, 1),
      hash: WEB_HASH.sha256,
    },
    true,
    ['sign', 'verify'],
  );
  return secretAndWipe(new Uint8Array(await subtle().exportKey('pkcs8', privateKey)));
}

/** A private RSA key over WebCrypto, which ties a key to one scheme and hash: it is imported for each when first used so. */
export function rsaPrivateKey(publicKey: RsaPublicKey, pkcs8: Secret): PrivateKey {
  const imported = new Map<string, Promise<CryptoKey>>();
  const keyFor = (name: Use, hash: HashName): Promise<CryptoKey> => {
    const use = `${name} ${hash}`;
    const known = imported.get(use);
    if (known) return known;
    const key = importKey(pkcs8, name, hash);
    imported.set(use, key);
    key.catch(() => imported.delete(use)); // the next call tries again
    return key;
  };
  return {
    publicKey,
    sign: async (algorithm, data) => {
      const [name, hash] = [signatureName(algorithm), hashOf(algorithm)];
      const key = await keyFor(name, hash);
      return new Uint8Array(await subtle().sign({ name, saltLength: hashLength(hash) }, key, copyOf(data)));
    },
    agree: async () => {
      throw new Error('not an EC key');
    },
    decrypt: async (hash, label, ciphertext) => {
      const key = await keyFor('RSA-OAEP', hash);
      // not every engine asks: OpenSSL takes a shorter one for one with zeros before it
      if (ciphertext.length !== publicKey.modulus.length) return undefined;
      try {
        const opened = await subtle().decrypt({ name: 'RSA-OAEP', label: copyOf(label) }, key, copyOf(ciphertext));
        return secretAndWipe(new Uint8Array(opened));
      } catch {
        return undefined;
      }
    },
    export: () => pkcs8.use((bytes) => new Secret(bytes)),
  };
}

function signatureName(algorithm: SignatureAlgorithm): Use {
  const family = signatureFamily(algorithm);
  if (family === 'ecdsa') throw new Error(`${algorithm} does not fit this key`);
  return family === 'rsassa' ? 'RSASSA-PKCS1-v1_5' : 'RSA-PSS';
}

async function importKey(pkcs8: Secret, name: Use, hash: HashName): Promise<CryptoKey> {
  const bytes = pkcs8.use(copyOf);
  try {
    const use = name === 'RSA-OAEP' ? 'decrypt' : 'sign';
    return await subtle().importKey('pkcs8', bytes, { name, hash: WEB_HASH[hash] }, false, [use]);
  } finally {
    bytes.fill(0);
  }
}

/** Browsers keep WebCrypto from pages that came over plain HTTP from another machine. */
function subtle(): SubtleCrypto {
  const found = (globalThis.crypto as { readonly subtle?: SubtleCrypto }).subtle;
  if (!found) throw new Error('private RSA keys need WebCrypto: the page must come from HTTPS or from this machine');
  return found;
}
