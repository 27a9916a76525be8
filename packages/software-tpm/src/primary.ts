import { concat, toHex } from '@sekimori/bytes';
import { curveWidth, type PublicKey } from '@sekimori/crypto-core';
import { kdfa, NO_SENSITIVE, type PublicArea, pointOf, publicArea, type TpmtPublic } from '@sekimori/tpm2';
import { ecKeyFrom } from './curves.ts';
import type { Hierarchy } from './hierarchies.ts';
import type { Machine } from './machine.ts';
import { type AsymmetricKey, objectOf, type TpmObject } from './objects.ts';
import { isRsaKeySize } from './template.ts';

/**
 * The primary object of a hierarchy, a template that `unusableTemplate` let pass and the caller's data: the same key each
 * time, until the seed changes. Part 1, 26.4.
 */
export async function primaryObject(
  machine: Machine,
  hierarchy: Hierarchy,
  template: PublicArea,
  sensitive = NO_SENSITIVE,
): Promise<TpmObject> {
  const { crypto } = machine;
  const templateHash = crypto.hash('sha256', concat(template.bytes, sensitive.data));
  const key = await primaryKey(machine, hierarchy, template.value, templateHash);
  const { publicKey } = key.type === 'rsa' ? key.privateKey : key.ecKey.privateKey;
  const area = publicArea({ ...template.value, unique: uniqueOf(publicKey) });
  return objectOf(crypto, { area, hierarchy: hierarchy.handle, key, auth: sensitive.userAuth });
}

async function primaryKey(
  machine: Machine,
  hierarchy: Hierarchy,
  template: TpmtPublic,
  templateHash: Uint8Array,
): Promise<AsymmetricKey> {
  const { parameters } = template;
  if (parameters.is === 'ecc') {
    const { curveID } = parameters.value;
    const bits = 8 * curveWidth(curveID) + 64;
    const material = kdfa(machine.crypto, 'sha512', hierarchy.seed, 'PRIMARY', templateHash, new Uint8Array(0), bits);
    return { type: 'ecc', ecKey: ecKeyFrom(machine.crypto, curveID, material) };
  }
  if (parameters.is !== 'rsa' || !isRsaKeySize(parameters.value.keyBits))
    throw new Error('a template that was not checked');
  const id = toHex(templateHash);
  const privateKey = hierarchy.rsaKeys.get(id) ?? (await machine.rsaKey(parameters.value.keyBits));
  hierarchy.rsaKeys.set(id, privateKey);
  return { type: 'rsa', privateKey };
}

function uniqueOf(key: PublicKey): TpmtPublic['unique'] {
  return key.type === 'rsa' ? { is: 'rsa', value: concat(key.modulus) } : { is: 'ecc', value: pointOf(key) };
}
