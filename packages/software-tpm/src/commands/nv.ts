import { concat } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { handleType, TPMS_NV_PUBLIC } from '@sekimori/tpm2';
import type { HierarchyEntity, NvEntity } from '../entities.ts';
import { handler } from '../handler.ts';
import { type Machine, MAX_NV_BUFFER } from '../machine.ts';
import { type NvIndex, nvIndexOf } from '../nv.ts';
import { inHandle, inParameter, RC, refuse } from '../response-codes.ts';

/** Part 3, 31: ordinary indices. */
export const nv = {
  NV_ReadPublic: handler<'NV_ReadPublic'>()({
    handles: ['nv'],
    run: (_machine, [{ index }]) => {
      const nvPublic = { value: index.public, bytes: encode(TPMS_NV_PUBLIC, index.public) };
      return ok({ response: { nvPublic, nvName: index.name } });
    },
  }),
  NV_Read: handler<'NV_Read'>()({
    handles: ['nvAuth', 'nv'],
    run: (_machine, [authority, { index }], { size, offset }) => {
      if (!mayAccess(authority, index, 'Read')) return refuse(RC.nvAuthorization);
      if (!index.public.attributes.written) return refuse(RC.nvUninitialized);
      if (size > MAX_NV_BUFFER) return inParameter(1, RC.value);
      if (offset + size > index.data.length) return refuse(RC.nvRange);
      return ok({ response: { data: index.data.slice(offset, offset + size) } });
    },
  }),
  NV_Write: handler<'NV_Write'>()({
    handles: ['nvAuth', 'nv'],
    run: (machine, [authority, { handle, index }], { data, offset }) => {
      if (!mayAccess(authority, index, 'Write')) return refuse(RC.nvAuthorization);
      if (index.public.attributes.writeLocked) return refuse(RC.nvLocked);
      if (data.length > MAX_NV_BUFFER) return inParameter(1, RC.value);
      if (offset + data.length > index.data.length) return refuse(RC.nvRange);
      const written = concat(index.data.subarray(0, offset), data, index.data.subarray(offset + data.length));
      change(machine, handle, index, { written: true }, written);
      return ok({ response: {} });
    },
  }),
  NV_WriteLock: handler<'NV_WriteLock'>()({
    handles: ['nvAuth', 'nv'],
    run: (machine, [authority, { handle, index }]) => {
      if (!mayAccess(authority, index, 'Write')) return refuse(RC.nvAuthorization);
      if (!index.public.attributes.writeDefine) return inHandle(2, RC.attributes);
      change(machine, handle, index, { writeLocked: true }, index.data);
      return ok({ response: {} });
    },
  }),
  NV_DefineSpace: handler<'NV_DefineSpace'>()({
    handles: ['provision'],
    run: (machine, [{ hierarchy }], { auth, publicInfo }) => {
      const { nvIndex, nameAlg, attributes, authPolicy, dataSize } = publicInfo.value;
      const isOrdinary = attributes.kind === 'ordinary';
      const isReadable = attributes.ppRead || attributes.ownerRead || attributes.authRead || attributes.policyRead;
      const isWritable = attributes.ppWrite || attributes.ownerWrite || attributes.authWrite || attributes.policyWrite;
      if (handleType(nvIndex) !== 'nv') return inParameter(2, RC.value);
      if (!isOrdinary || !isReadable || !isWritable || attributes.written || attributes.writeLocked)
        return inParameter(2, RC.attributes);
      if (attributes.platformCreate !== (hierarchy.name === 'platform')) return inParameter(2, RC.attributes);
      if (authPolicy.length !== 0 && authPolicy.length !== hashLength(nameAlg)) return inParameter(2, RC.size);
      if (dataSize > MAX_NV_BUFFER) return inParameter(2, RC.size);
      if (auth.length > hashLength(nameAlg)) return inParameter(1, RC.size);
      if (machine.nvIndices.has(nvIndex)) return refuse(RC.nvDefined);
      const index = nvIndexOf(machine.crypto, publicInfo.value, { auth });
      machine.nvIndices.set(nvIndex, async () => index);
      return ok({ response: {} });
    },
  }),
  NV_UndefineSpace: handler<'NV_UndefineSpace'>()({
    handles: ['provision', 'nv'],
    run: (machine, [{ hierarchy }, { handle, index }]) => {
      if (index.public.attributes.policyDelete) return inHandle(2, RC.attributes);
      if (index.public.attributes.platformCreate && hierarchy.name !== 'platform') return refuse(RC.nvAuthorization);
      machine.nvIndices.delete(handle);
      return ok({ response: {} });
    },
  }),
};

/** Its Name changes with its attributes. */
function change(
  machine: Machine,
  handle: number,
  index: NvIndex,
  attributes: Partial<NvIndex['public']['attributes']>,
  data: Uint8Array,
): void {
  const area = { ...index.public, attributes: { ...index.public.attributes, ...attributes } };
  const changed = index.auth.use((auth) => nvIndexOf(machine.crypto, area, { auth, data }));
  machine.nvIndices.set(handle, async () => changed);
}

/** Part 1, 37.3: a hierarchy where the index allows it; or the index itself, whose authorization was checked. */
function mayAccess(authority: HierarchyEntity | NvEntity, index: NvIndex, access: 'Read' | 'Write'): boolean {
  if (authority.kind === 'nv') return authority.index === index;
  return index.public.attributes[`${authority.hierarchy.name === 'platform' ? 'pp' : 'owner'}${access}`];
}
