import { concat, toHex } from '@sekimori/bytes';
import { kdfa, NO_SENSITIVE, type PublicArea, storageKeyBits } from '@sekimori/tpm2';
import { generate, type Source } from './generation.ts';
import type { Hierarchy } from './hierarchies.ts';
import type { Machine } from './machine.ts';
import { objectOf, type TpmObject } from './objects.ts';

/**
 * The primary object of a hierarchy, a template that `unusableTemplate` let pass and the caller's data: the same one each
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
  const sealed = template.value.objectAttributes.sensitiveDataOrigin ? new Uint8Array(0) : sensitive.data;
  const source = fromSeed(machine, hierarchy, templateHash);
  const { area, key, seedValue } = await generate(machine, source, template.value, sealed);
  // the seed of a storage key is computed when it is needed
  const seed = storageKeyBits(area.value) === undefined ? seedValue : undefined;
  return objectOf(crypto, { area, hierarchy: hierarchy.handle, key, auth: sensitive.userAuth, seedValue: seed });
}

function fromSeed(machine: Machine, hierarchy: Hierarchy, templateHash: Uint8Array): Source {
  return {
    bytes: (use, length) => {
      const label = use === 'key' ? 'PRIMARY' : 'SEED';
      return kdfa(machine.crypto, 'sha512', hierarchy.seed, label, templateHash, new Uint8Array(0), 8 * length);
    },
    rsaKey: async (bits) => {
      const id = toHex(templateHash);
      const privateKey = hierarchy.rsaKeys.get(id) ?? (await machine.rsaKey(bits));
      hierarchy.rsaKeys.set(id, privateKey);
      return privateKey;
    },
  };
}
