import { concat } from '@sekimori/bytes';
import { hashLength, Secret } from '@sekimori/crypto-core';
import { type Failed, ok } from '@sekimori/result';
import { nameOf, publicArea, qualifiedNameOf, type TpmtPublic } from '@sekimori/tpm2';
import { creationOf, loadObject } from '../creation.ts';
import { handler } from '../handler.ts';
import { objectOf } from '../objects.ts';
import { inHandle, inParameter, RC, type Refusal } from '../response-codes.ts';
import { isStorageKey, unwrap, wrap } from '../wrapping.ts';

/** MAX_SYM_DATA. */
const MAX_SEALED = 128;

/** Part 3, 12: sealed data, the one kind of object that is made below a parent here. */
export const sealing = {
  Create: handler<'Create'>()({
    handles: ['object'],
    run: (machine, [{ object: parent }], { inSensitive, inPublic, outsideInfo, creationPCR }) => {
      const { crypto } = machine;
      if (!isStorageKey(parent)) return inHandle(1, RC.type);
      const unusable = unusableSeal(inPublic.value, inSensitive.data);
      if (unusable) return unusable;
      const { nameAlg } = inPublic.value;
      if (inSensitive.userAuth.length > hashLength(nameAlg)) return inParameter(1, RC.size);
      const seedValue = crypto.random(hashLength(nameAlg));
      const unique = { is: 'keyedhash', value: crypto.hash(nameAlg, concat(seedValue, inSensitive.data)) } as const;
      const area = publicArea({ ...inPublic.value, unique });
      const name = nameOf(crypto, area);
      const sensitive = { authValue: inSensitive.userAuth, seedValue, sensitive: inSensitive.data };
      const outPrivate = wrap(machine, parent, name, sensitive);
      const above = { alg: parent.area.value.nameAlg, name: parent.name, qualifiedName: parent.qualifiedName };
      const creation = creationOf(machine, parent.hierarchy, { area, name }, above, { outsideInfo, creationPCR });
      return ok({ response: { outPrivate, outPublic: area, ...creation } });
    },
  }),
  Load: handler<'Load'>()({
    handles: ['object'],
    run: (machine, [{ object: parent }], { inPrivate, inPublic }) => {
      if (!isStorageKey(parent)) return inHandle(1, RC.type);
      if (inPublic.value.type !== 'keyedhash') return inParameter(2, RC.type);
      const sensitive = unwrap(machine, parent, nameOf(machine.crypto, inPublic), inPrivate);
      if (!sensitive) return inParameter(1, RC.integrity);
      const object = objectOf(machine.crypto, {
        area: inPublic,
        hierarchy: parent.hierarchy,
        key: { type: 'keyedhash', data: new Secret(sensitive.sensitive) },
        auth: sensitive.authValue,
        qualifiedName: qualifiedNameOf(machine.crypto, inPublic, parent.qualifiedName),
      });
      const loaded = loadObject(machine, object);
      return loaded.ok ? ok({ handle: loaded.value, response: { name: object.name } }) : loaded;
    },
  }),
  Unseal: handler<'Unseal'>()({
    handles: ['object'],
    run: (_machine, [{ object }]) => {
      const { objectAttributes } = object.area.value;
      if (object.key?.type !== 'keyedhash') return inHandle(1, RC.type);
      if (objectAttributes.decrypt || objectAttributes.sign || objectAttributes.restricted)
        return inHandle(1, RC.attributes);
      return ok({ response: { outData: object.key.data.use((bytes) => Uint8Array.from(bytes)) } });
    },
  }),
};

function unusableSeal(area: TpmtPublic, data: Uint8Array): Failed<Refusal> | undefined {
  const { objectAttributes: attributes, parameters } = area;
  if (parameters.is !== 'keyedhash') return inParameter(2, RC.type);
  if (data.length > MAX_SEALED) return inParameter(1, RC.size);
  // what nobody handed in cannot be sealed, and sealed data are no key
  if (data.length === 0 || attributes.sensitiveDataOrigin) return inParameter(2, RC.attributes);
  if (attributes.decrypt || attributes.restricted) return inParameter(2, RC.attributes);
  if (attributes.fixedTPM !== attributes.fixedParent || attributes.encryptedDuplication)
    return inParameter(2, RC.attributes);
  if (attributes.sign || parameters.value.scheme.scheme !== 'null') return inParameter(2, RC.scheme);
  if (area.authPolicy.length !== 0 && area.authPolicy.length !== hashLength(area.nameAlg))
    return inParameter(2, RC.size);
  return undefined;
}
