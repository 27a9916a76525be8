import { u32be } from '@sekimori/bytes';
import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { handleType, publicKeyOf, TPM_RH } from '@sekimori/tpm2';
import { creationOf, loadObject } from '../creation.ts';
import { handler } from '../handler.ts';
import { isHierarchy, sessionOf } from '../handles.ts';
import { objectOf } from '../objects.ts';
import { primaryObject } from '../primary.ts';
import { inHandle, inParameter, RC, refuse } from '../response-codes.ts';
import { unusableTemplate } from '../template.ts';

/** Where the owner's persistent handles end and the platform's begin. Part 2, 7.5. */
const FIRST_PLATFORM_HANDLE = 0x81800000;

export const objects = {
  CreatePrimary: handler<'CreatePrimary'>()({
    handles: ['hierarchy'],
    run: async (machine, [{ hierarchy }], { inSensitive, inPublic, outsideInfo, creationPCR }) => {
      if (machine.transients.isFull) return refuse(RC.objectMemory);
      const unusable = unusableTemplate(inPublic.value);
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
    run: (machine, _handles, { inPublic, hierarchy }) => {
      if (!publicKeyOf(machine.crypto, inPublic).ok) return inParameter(2, RC.value);
      if (!isHierarchy(hierarchy)) return inParameter(3, RC.value);
      const object = objectOf(machine.crypto, { area: inPublic, hierarchy, key: undefined });
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
      machine.persistents.set(persistentHandle, async () => object);
      return ok({ response: {} });
    },
  }),
  FlushContext: handler<'FlushContext'>()({
    sessions: false,
    run: (machine, _handles, { flushHandle }) => {
      const gone =
        machine.transients.delete(flushHandle) ||
        (sessionOf(machine, flushHandle) !== undefined && machine.sessions.delete(flushHandle & 0xffffff));
      return gone ? ok({ response: {} }) : inParameter(1, isFlushable(flushHandle) ? RC.handle : RC.value);
    },
  }),
};

function isFlushable(handle: number): boolean {
  return ['transient', 'hmac-session', 'policy-session'].includes(handleType(handle) ?? '');
}
