import { utf8 } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { type Crypto, type HashName, hashLength, type PrivateKey, type PublicKey, Secret } from '@sekimori/crypto-core';
import { type Fault, ok, type Result } from '@sekimori/result';
import { TPMS_ECC_POINT } from '../structures/buffers.ts';
import { kdfe } from './kdf.ts';
import { pointOf, publicKeyOf } from '../structures/names.ts';
import type { PublicArea } from '../structures/public-area.ts';

/** What a seed is for: credentials, salts of sessions, objects on their way to another parent. Part 1, 11.4.10.2, table 8. */
export type SeedLabel = 'IDENTITY' | 'SECRET' | 'DUPLICATE';

/**
 * A seed that the key's TPM can recover: OAEP or one-pass ECDH. `encrypted` is the content of a TPM2B_ENCRYPTED_SECRET. `invalid-key`: the
 * public key is not sound. Part 1, annexes B.10 and C.6.
 */
export function shareSeed(
  crypto: Crypto,
  key: PublicArea,
  label: SeedLabel,
): Result<{ readonly seed: Secret; readonly encrypted: Uint8Array }, Fault<'invalid-key'>> {
  const found: Result<PublicKey, Fault<'invalid-key'>> = publicKeyOf(crypto, key);
  if (!found.ok) return found;
  const peer = found.value;
  const { nameAlg } = key.value;
  if (peer.type === 'rsa') {
    const hash = oaepHash(key);
    const seed = new Secret(crypto.random(hashLength(hash)));
    const encrypted = seed.use((bytes) => crypto.rsaOaepEncrypt(peer, hash, labelOf(label), bytes));
    return ok({ seed, encrypted });
  }
  const { publicKey: ephemeral, sharedSecret } = crypto.agreeEphemeral(peer);
  const seed = kdfe(crypto, nameAlg, sharedSecret, label, ephemeral.x, peer.x, 8 * hashLength(nameAlg));
  sharedSecret.wipe();
  return ok({ seed, encrypted: encode(TPMS_ECC_POINT, pointOf(ephemeral)) });
}

/** A key with its private half at hand, as a software TPM or a migration service has it. */
export interface SeedKey {
  readonly publicArea: PublicArea;
  readonly privateKey: PrivateKey;
}

/** The other side of `shareSeed`. Undefined for what does not open, without a reason. */
export async function recoverSeed(
  crypto: Crypto,
  { publicArea, privateKey }: SeedKey,
  label: SeedLabel,
  encrypted: Uint8Array,
): Promise<Secret | undefined> {
  const { nameAlg } = publicArea.value;
  const own = privateKey.publicKey;
  if (own.type === 'rsa') {
    const hash = oaepHash(publicArea);
    const seed = await privateKey.decrypt(hash, labelOf(label), encrypted);
    return seed && seed.length <= hashLength(hash) ? seed : undefined;
  }
  const point = decode(TPMS_ECC_POINT, encrypted);
  if (!point.ok) return undefined;
  const ephemeral = crypto.publicKey({ type: 'ec', curve: own.curve, ...point.value });
  if (!ephemeral.ok || ephemeral.value.type !== 'ec') return undefined;
  const z = await privateKey.agree(ephemeral.value);
  const seed = kdfe(crypto, nameAlg, z, label, ephemeral.value.x, own.x, 8 * hashLength(nameAlg));
  z.wipe();
  return seed;
}

/** Of OAEP and its MGF1: the scheme's, where an unrestricted key has one, else the key's nameAlg. Part 1, B.4. */
function oaepHash({ value: { parameters, nameAlg } }: PublicArea): HashName {
  const scheme = parameters.is === 'rsa' ? parameters.value.scheme : undefined;
  return scheme?.scheme === 'oaep' ? scheme.hashAlg : nameAlg;
}

/** The label's NUL is part of it. */
function labelOf(label: SeedLabel): Uint8Array {
  return utf8(`${label}\0`);
}
