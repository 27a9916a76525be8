import { utf8 } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { type Crypto, hashLength, Secret } from '@sekimori/crypto-core';
import { kdfe, pointOf, type PublicArea, publicKeyOf, TPMS_ECC_POINT } from '@sekimori/tpm2';
import type { TpmObject } from './objects.ts';

/** What a seed is for: it is part of how the seed is shared. Part 1, B.10 and C.6. */
export type SeedLabel = 'IDENTITY' | 'SECRET' | 'DUPLICATE';

/** A seed that the holder of a key can recover, and the way it travels. Undefined for a public area that is no key. */
export function shareSeed(crypto: Crypto, area: PublicArea, label: SeedLabel) {
  const found = publicKeyOf(crypto, area);
  if (!found.ok) return undefined;
  const peer = found.value;
  const { nameAlg } = area.value;
  if (peer.type === 'rsa') {
    const bytes = crypto.random(hashLength(nameAlg));
    // the label's NUL is part of it
    return { seed: new Secret(bytes), encrypted: crypto.rsaOaepEncrypt(peer, nameAlg, utf8(`${label}\0`), bytes) };
  }
  const { publicKey, sharedSecret } = crypto.agreeEphemeral(peer);
  const seed = kdfe(crypto, nameAlg, sharedSecret, label, publicKey.x, peer.x, 8 * hashLength(nameAlg));
  return { seed, encrypted: encode(TPMS_ECC_POINT, pointOf(publicKey)) };
}

/** The private side of it: a session's salt, a credential's or a duplicate's seed. Undefined when it does not open. */
export async function recoverSeed(
  crypto: Crypto,
  object: TpmObject,
  label: SeedLabel,
  encrypted: Uint8Array,
): Promise<Secret | undefined> {
  const { key, area } = object;
  const { nameAlg } = area.value;
  if (key?.type === 'rsa') {
    const seed = await key.privateKey.decrypt(nameAlg, utf8(`${label}\0`), encrypted);
    return seed && seed.length <= hashLength(nameAlg) ? seed : undefined;
  }
  const point = decode(TPMS_ECC_POINT, encrypted);
  if (key?.type !== 'ecc' || !point.ok) return undefined;
  const { curve, privateKey } = key.ecKey;
  const ephemeral = crypto.publicKey({ type: 'ec', curve, ...point.value });
  if (!ephemeral.ok || ephemeral.value.type !== 'ec' || privateKey.publicKey.type !== 'ec') return undefined;
  const z = await privateKey.agree(ephemeral.value);
  return kdfe(crypto, nameAlg, z, label, ephemeral.value.x, privateKey.publicKey.x, 8 * hashLength(nameAlg));
}
