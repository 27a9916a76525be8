import { utf8 } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { type Crypto, hashLength, type Secret } from '@sekimori/crypto-core';
import { kdfe, TPMS_ECC_POINT } from '@sekimori/tpm2';
import type { TpmObject } from './objects.ts';

/** The private side of `shareSeed` of tpm2: a session's salt or a credential's seed. Undefined when it does not open. Part 1, B.10 and C.6. */
export async function recoverSeed(
  crypto: Crypto,
  object: TpmObject,
  label: 'IDENTITY' | 'SECRET',
  encrypted: Uint8Array,
): Promise<Secret | undefined> {
  const { key, area } = object;
  const { nameAlg } = area.value;
  if (key?.type === 'rsa') {
    // the label's NUL is part of it
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
