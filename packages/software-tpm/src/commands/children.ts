import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { MAX_SYM_DATA, nameOf, qualifiedNameOf } from '@sekimori/tpm2';
import { creationOf, loadObject } from '../creation.ts';
import { chance, generate } from '../generation.ts';
import { handler } from '../handler.ts';
import { isStorageKey, objectOf, type TpmObject } from '../objects.ts';
import { inHandle, inParameter, RC, refuse } from '../response-codes.ts';
import { keyOf, sensitiveOf } from '../sensitive.ts';
import { type Above, unusableArea, unusableTemplate } from '../template.ts';
import { unwrap, wrap } from '../wrapping.ts';

/** Part 3, 12: keys and sealed data below a storage key. */
export const children = {
  Create: handler<'Create'>()({
    handles: ['object'],
    run: async (machine, [{ object: parent }], { inSensitive, inPublic, outsideInfo, creationPCR }) => {
      const { crypto } = machine;
      const { data, userAuth } = inSensitive;
      if (!isStorageKey(parent)) return inHandle(1, RC.type);
      if (data.length > MAX_SYM_DATA) return inParameter(1, RC.size);
      const unusable = unusableTemplate(inPublic.value, below(parent), data.length);
      if (unusable) return unusable;
      const { nameAlg } = inPublic.value;
      if (userAuth.length > hashLength(nameAlg)) return inParameter(1, RC.size);
      const { area, key, seedValue } = await generate(machine, chance(machine), inPublic.value, data);
      const { hierarchy, qualifiedName } = parent;
      const object = objectOf(crypto, { area, key, seedValue, hierarchy, qualifiedName, auth: userAuth });
      const outPrivate = wrap(machine, parent, object.name, sensitiveOf(machine, object));
      const above = { alg: parent.area.value.nameAlg, name: parent.name, qualifiedName };
      const creation = creationOf(machine, hierarchy, object, above, { outsideInfo, creationPCR });
      return ok({ response: { outPrivate, outPublic: area, ...creation } });
    },
  }),
  Load: handler<'Load'>()({
    handles: ['object'],
    run: (machine, [{ object: parent }], { inPrivate, inPublic }) => {
      const { crypto } = machine;
      if (!isStorageKey(parent)) return inHandle(1, RC.type);
      const sensitive = unwrap(machine, parent, nameOf(crypto, inPublic), inPrivate);
      if (!sensitive) return inParameter(1, RC.integrity);
      const unusable = unusableArea(inPublic.value, below(parent));
      if (unusable) return unusable;
      const key = keyOf(crypto, inPublic, sensitive);
      if (!key) return refuse(RC.binding);
      const object = objectOf(crypto, {
        area: inPublic,
        key,
        hierarchy: parent.hierarchy,
        auth: sensitive.authValue,
        seedValue: sensitive.seedValue.length > 0 ? sensitive.seedValue : undefined,
        qualifiedName: qualifiedNameOf(crypto, inPublic, parent.qualifiedName),
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

function below(parent: TpmObject): Above {
  return { kind: 'object', attributes: parent.area.value.objectAttributes };
}
