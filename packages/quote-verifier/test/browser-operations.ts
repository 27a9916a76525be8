import { fromHex, toHex, utf8 } from '@sekimori/bytes';
import { type Crypto, type HashName, type PrivateKey, Secret, type SignatureAlgorithm } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';

// Runs in Node and in the page: what one makes, the other checks. Private keys are those of this test alone.

const HASHES: readonly HashName[] = ['sha1', 'sha256', 'sha384', 'sha512'];
const DATA = utf8('data');
const LABEL = utf8('IDENTITY\0');
const SPECS = [
  { type: 'ec', curve: 'P-256' },
  { type: 'ec', curve: 'P-384' },
  { type: 'ec', curve: 'P-521' },
  { type: 'rsa', bits: 2048 },
  { type: 'rsa', bits: 3072 },
] as const;

export interface Made {
  readonly pkcs8: string;
  readonly signatures: readonly (readonly [SignatureAlgorithm, string])[];
  /** RSA: OAEP with each hash. EC: a fresh point and what was agreed with it. */
  readonly sealed: readonly (readonly [HashName, string])[];
  readonly agreed: readonly [x: string, y: string, shared: string] | undefined;
}

/** With each kind of key: the key, a signature with every algorithm, a ciphertext with every hash or an agreement. */
export async function make(crypto: Crypto): Promise<readonly Made[]> {
  const made: Made[] = [];
  for (const spec of SPECS) {
    const key = await crypto.generateKey(spec);
    const signatures: [SignatureAlgorithm, string][] = [];
    for (const algorithm of algorithmsOf(key)) signatures.push([algorithm, toHex(await key.sign(algorithm, DATA))]);
    const { publicKey } = key;
    const pkcs8 = key.export().use(toHex);
    if (publicKey.type === 'rsa') {
      const seal = (hash: HashName) => toHex(crypto.rsaOaepEncrypt(publicKey, hash, LABEL, DATA));
      made.push({ pkcs8, signatures, sealed: HASHES.map((hash) => [hash, seal(hash)]), agreed: undefined });
    } else {
      const { publicKey: fresh, sharedSecret } = crypto.agreeEphemeral(publicKey);
      made.push({ pkcs8, signatures, sealed: [], agreed: [toHex(fresh.x), toHex(fresh.y), sharedSecret.use(toHex)] });
    }
  }
  return made;
}

/** What of it does not hold, by name; and how many things were looked at. */
export async function check(
  crypto: Crypto,
  made: readonly Made[],
): Promise<{ readonly checks: number; readonly failed: readonly string[] }> {
  const held = new Map<string, boolean>();
  for (const [place, { pkcs8, signatures, sealed, agreed }] of made.entries()) {
    const name = JSON.stringify(SPECS[place]);
    const key = expectOk(crypto.privateKey(new Secret(bytes(pkcs8))));
    const { publicKey } = key;
    held.set(`${name} is exported as it came`, key.export().use(toHex) === pkcs8);
    for (const [algorithm, signature] of signatures) {
      const verify = (data: Uint8Array) => crypto.verify(publicKey, algorithm, data, bytes(signature));
      held.set(`${name} ${algorithm}`, verify(DATA) && !verify(LABEL));
      held.set(
        `${name} signs ${algorithm}`,
        crypto.verify(publicKey, algorithm, DATA, await key.sign(algorithm, DATA)),
      );
    }
    for (const [hash, ciphertext] of sealed) {
      const opened = await key.decrypt(hash, LABEL, bytes(ciphertext));
      const other = await key.decrypt(hash, DATA, bytes(ciphertext));
      held.set(`${name} OAEP ${hash}`, opened?.use(toHex) === toHex(DATA) && other === undefined);
    }
    if (agreed && publicKey.type === 'ec') {
      const [x, y] = [bytes(agreed[0]), bytes(agreed[1])];
      const peer = expectOk(crypto.publicKey({ type: 'ec', curve: publicKey.curve, x, y }));
      const shared = peer.type === 'ec' ? await key.agree(peer) : undefined;
      held.set(`${name} agrees`, shared?.use(toHex) === agreed[2]);
    }
  }
  return { checks: held.size, failed: [...held].flatMap(([what, holds]) => (holds ? [] : what)) };
}

function algorithmsOf(key: PrivateKey): readonly SignatureAlgorithm[] {
  if (key.publicKey.type === 'ec') return HASHES.map((hash) => `ecdsa-${hash}` as const);
  return HASHES.flatMap((hash) => [`rsassa-${hash}` as const, `rsapss-${hash}` as const]);
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  const out = fromHex(hex);
  if (!out) throw new Error('not hex');
  return out;
}
