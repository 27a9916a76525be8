import { u32be } from '@sekimori/bytes';
import { type Crypto, curveWidth, hashLength } from '@sekimori/crypto-core';
import { type Failed, ok } from '@sekimori/result';
import { handleType, type PublicArea, publicKeyOf, TPM_RH } from '@sekimori/tpm2';
import { creationOf, loadObject } from '../creation.ts';
import { handler } from '../handler.ts';
import { isHierarchy } from '../handles.ts';
import { known } from '../machine.ts';
import { objectOf, type TpmObject } from '../objects.ts';
import { primaryObject } from '../primary.ts';
import { inHandle, inParameter, RC, type Refusal, refuse } from '../response-codes.ts';
import { keyOf } from '../sensitive.ts';
import { unusableArea, unusableTemplate } from '../template.ts';

/** Where the owner's persistent handles end and the platform's begin. Part 2, 7.5. */
const FIRST_PLATFORM_HANDLE = 0x81800000;

export const objects = {
  CreatePrimary: handler<'CreatePrimary'>()({
    handles: ['hierarchy'],
    run: async (machine, [{ hierarchy }], { inSensitive, inPublic, outsideInfo, creationPCR }) => {
      if (machine.transients.isFull) return refuse(RC.objectMemory);
      const unusable = unusableTemplate(inPublic.value, { kind: 'hierarchy' }, inSensitive.data.length);
      if (unusable) return unusable;
      const { nameAlg } = inPublic.value;
      if (inSensitive.userAuth.length > hashLength(nameAlg)) return inParameter(1, RC.size);
      const object = await primaryObject(machine, hierarchy, inPublic, inSensitive);
      const loaded = loadObject(machine, object);
      if (!loaded.ok) return loaded;
      const parent = { alg: 'null', name: u32be(hierarchy.handle), qualifiedName: u32be(hierarchy.handle) } as const;
      const creation = creationOf(machine, hierarchy.handle, object, parent, { outsideInfo, creationPCR });
      const response = { outPublic: object.area, ...creation, name: object.name };
      return ok({ handle: loaded.value, response });
    },
  }),
  LoadExternal: handler<'LoadExternal'>()({
    run: (machine, _handles, { inPrivate, inPublic, hierarchy }) => {
      const { crypto } = machine;
      if (!isHierarchy(hierarchy)) return inParameter(3, RC.value);
      let object: TpmObject;
      if (inPrivate) {
        const { fixedTPM, fixedParent, restricted } = inPublic.value.objectAttributes;
        // what came in clear proves nothing about where it is
        if (hierarchy !== TPM_RH.null) return inParameter(3, RC.hierarchy);
        if (fixedTPM || fixedParent || restricted) return inParameter(2, RC.attributes);
        const unusable = unusableArea(inPublic.value, { kind: 'hierarchy' });
        if (unusable) return unusable;
        const key = keyOf(crypto, inPublic, inPrivate);
        if (!key) return refuse(RC.binding);
        const seedValue = inPrivate.seedValue.length > 0 ? inPrivate.seedValue : undefined;
        object = objectOf(crypto, { area: inPublic, hierarchy, key, auth: inPrivate.authValue, seedValue });
      } else {
        const unusable = unusablePublicKey(crypto, inPublic);
        if (unusable) return unusable;
        object = objectOf(crypto, { area: inPublic, hierarchy, key: undefined });
      }
      const loaded = loadObject(machine, object);
      return loaded.ok ? ok({ handle: loaded.value, response: { name: object.name } }) : loaded;
    },
  }),
  ReadPublic: handler<'ReadPublic'>()({
    handles: ['object'],
    run: (_machine, [{ object }]) =>
      ok({ response: { outPublic: object.area, name: object.name, qualifiedName: object.qualifiedName } }),
  }),
  EvictControl: handler<'EvictControl'>()({
    handles: ['provision', 'object'],
    run: (machine, [{ hierarchy }, { handle, object }], { persistentHandle }) => {
      const isPlatform = hierarchy.name === 'platform';
      if (handleType(persistentHandle) !== 'persistent') return inParameter(1, RC.value);
      if (persistentHandle >= FIRST_PLATFORM_HANDLE !== isPlatform) return inParameter(1, RC.range);
      // objects of the NULL hierarchy are temporary
      if (object.hierarchy === TPM_RH.null) return inHandle(2, RC.attributes);
      if (handleType(handle) === 'persistent') {
        if (handle !== persistentHandle) return inHandle(2, RC.handle);
        machine.persistents.delete(handle);
        return ok({ response: {} });
      }
      if (object.key === undefined) return inHandle(2, RC.attributes);
      if (machine.persistents.has(persistentHandle)) return refuse(RC.nvDefined);
      machine.persistents.set(persistentHandle, known(object));
      return ok({ response: {} });
    },
  }),
};

function unusablePublicKey(crypto: Crypto, area: PublicArea): Failed<Refusal> | undefined {
  const { parameters, unique } = area.value;
  if (parameters.is === 'rsa' && unique.is === 'rsa') {
    const [first = 0] = unique.value;
    if (8 * unique.value.length !== parameters.value.keyBits || first < 0x80) return inParameter(2, RC.key);
    return publicKeyOf(crypto, area).ok ? undefined : inParameter(2, RC.value);
  }
  if (parameters.is !== 'ecc' || unique.is !== 'ecc') return undefined;
  const width = curveWidth(parameters.value.curveID);
  if (unique.value.x.length !== width || unique.value.y.length !== width) return inParameter(2, RC.key);
  return publicKeyOf(crypto, area).ok ? undefined : inParameter(2, RC.eccPoint);
}
