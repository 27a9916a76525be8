import { concat, u16be, u32be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { handleType, pcrDigestOf, publicKeyOf, TPM_RH, TPMS_CREATION_DATA } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { isHierarchy, sessionOf } from '../handles.ts';
import type { Hierarchy } from '../hierarchies.ts';
import type { Machine } from '../machine.ts';
import { objectOf, type TpmObject } from '../objects.ts';
import { primaryObject } from '../primary.ts';
import { type Answer, inHandle, inParameter, RC, refuse } from '../response-codes.ts';
import { unusableTemplate } from '../template.ts';

const TPM_ST_CREATION = 0x8021;
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
      const loaded = load(machine, object);
      if (!loaded.ok) return loaded;
      const { selection, values } = machine.pcrs.select(creationPCR);
      const creationData = {
        pcrSelect: selection,
        pcrDigest: pcrDigestOf(machine.crypto, nameAlg, values),
        locality: 1, // TPMA_LOCALITY: bit 0 for locality 0
        parentNameAlg: 'null' as const,
        parentName: u32be(hierarchy.handle),
        parentQualifiedName: u32be(hierarchy.handle),
        outsideInfo,
      };
      const creationHash = machine.crypto.hash(nameAlg, encode(TPMS_CREATION_DATA, creationData));
      const creationTicket = ticketFor(machine, hierarchy, object.name, creationHash);
      const response = { outPublic: object.area, creationData, creationHash, creationTicket, name: object.name };
      return ok({ handle: loaded.value, response });
    },
  }),
  LoadExternal: handler<'LoadExternal'>()({
    run: (machine, _handles, { inPublic, hierarchy }) => {
      if (!publicKeyOf(machine.crypto, inPublic).ok) return inParameter(2, RC.value);
      if (!isHierarchy(hierarchy)) return inParameter(3, RC.value);
      const object = objectOf(machine.crypto, { area: inPublic, hierarchy, key: undefined });
      const loaded = load(machine, object);
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

function load(machine: Machine, object: TpmObject): Answer<number> {
  const slot = machine.transients.add((handle) => ({ handle, object }));
  return slot ? ok(slot.handle) : refuse(RC.objectMemory);
}

/** Part 1, 30.6 and Part 2, 10.7.3. */
function ticketFor(machine: Machine, hierarchy: Hierarchy, name: Uint8Array, creationHash: Uint8Array) {
  const digest = machine.crypto.hmac('sha256', hierarchy.proof, concat(u16be(TPM_ST_CREATION), name, creationHash));
  return { tag: TPM_ST_CREATION, hierarchy: hierarchy.handle, digest } as const;
}

function isFlushable(handle: number): boolean {
  return ['transient', 'hmac-session', 'policy-session'].includes(handleType(handle) ?? '');
}
