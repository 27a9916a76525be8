import { concat, u64be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { hashLength } from '@sekimori/crypto-core';
import { type Failed, ok } from '@sekimori/result';
import { handleType, TPMS_NV_PUBLIC } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { known, MAX_NV_BUFFER } from '../machine.ts';
import { toBigint } from '../numbers.ts';
import { changeNv, mayAccess, nvIndexOf, type NvPublic, readable, writable } from '../nv.ts';
import { inHandle, inParameter, RC, type Refusal, refuse } from '../response-codes.ts';

/** Bytes of a counter. Part 2, 13.4. */
const COUNTER_SIZE = 8;

/** Part 3, 31: ordinary indices and counters. */
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
      const allowed = readable(authority, index);
      if (!allowed.ok) return allowed;
      if (size > MAX_NV_BUFFER) return inParameter(1, RC.value);
      if (offset + size > index.data.length) return refuse(RC.nvRange);
      return ok({ response: { data: index.data.slice(offset, offset + size) } });
    },
  }),
  NV_Write: handler<'NV_Write'>()({
    handles: ['nvAuth', 'nv'],
    run: (machine, [authority, { index }], { data, offset }) => {
      const allowed = writable(authority, index);
      if (!allowed.ok) return allowed;
      const { kind, writeAll } = index.public.attributes;
      if (kind !== 'ordinary') return refuse(RC.attributes);
      if (data.length > MAX_NV_BUFFER) return inParameter(1, RC.value);
      if (offset + data.length > index.data.length) return refuse(RC.nvRange);
      if (writeAll && data.length < index.data.length) return refuse(RC.nvRange);
      const written = concat(index.data.subarray(0, offset), data, index.data.subarray(offset + data.length));
      changeNv(machine, index, { written: true }, written);
      return ok({ response: {} });
    },
  }),
  NV_Increment: handler<'NV_Increment'>()({
    handles: ['nvAuth', 'nv'],
    run: (machine, [authority, { index }]) => {
      const allowed = writable(authority, index);
      if (!allowed.ok) return allowed;
      const { kind, written } = index.public.attributes;
      if (kind !== 'counter') return inHandle(2, RC.attributes);
      // a counter that is removed and defined again must not go back
      const count = 1n + (written ? toBigint(index.data) : machine.highestCounter);
      if (count > machine.highestCounter) machine.highestCounter = count;
      changeNv(machine, index, { written: true }, u64be(count));
      return ok({ response: {} });
    },
  }),
  NV_WriteLock: handler<'NV_WriteLock'>()({
    handles: ['nvAuth', 'nv'],
    run: (machine, [authority, { index }]) => {
      if (!mayAccess(authority, index, 'Write')) return refuse(RC.nvAuthorization);
      const { writeDefine, writeStClear } = index.public.attributes;
      if (!writeDefine && !writeStClear) return inHandle(2, RC.attributes);
      changeNv(machine, index, { writeLocked: true });
      return ok({ response: {} });
    },
  }),
  NV_DefineSpace: handler<'NV_DefineSpace'>()({
    handles: ['provision'],
    run: (machine, [{ hierarchy }], { auth, publicInfo }) => {
      const { nvIndex, nameAlg, attributes } = publicInfo.value;
      const unusable = unusableIndex(publicInfo.value);
      if (unusable) return unusable;
      if (auth.length > hashLength(nameAlg)) return inParameter(1, RC.size);
      if (attributes.platformCreate !== (hierarchy.name === 'platform')) return inHandle(1, RC.attributes);
      if (attributes.policyDelete && !attributes.platformCreate) return inParameter(2, RC.attributes);
      if (machine.nvIndices.has(nvIndex)) return refuse(RC.nvDefined);
      machine.nvIndices.set(nvIndex, known(nvIndexOf(machine.crypto, publicInfo.value, { auth })));
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

function unusableIndex({ nvIndex, nameAlg, attributes, authPolicy, dataSize }: NvPublic): Failed<Refusal> | undefined {
  const { kind } = attributes;
  const isReadable = attributes.ppRead || attributes.ownerRead || attributes.authRead || attributes.policyRead;
  const isWritable = attributes.ppWrite || attributes.ownerWrite || attributes.authWrite || attributes.policyWrite;
  if (handleType(nvIndex) !== 'nv') return inParameter(2, RC.value);
  if (authPolicy.length !== 0 && authPolicy.length !== hashLength(nameAlg)) return inParameter(2, RC.size);
  if (kind !== 'ordinary' && kind !== 'counter') return inParameter(2, RC.attributes);
  if (attributes.written || attributes.writeLocked || attributes.readLocked) return inParameter(2, RC.attributes);
  if (!isReadable || !isWritable) return inParameter(2, RC.attributes);
  // a counter never forgets, and is never half written
  if (kind === 'counter' && attributes.clearStClear && !attributes.orderly) return inParameter(2, RC.attributes);
  if (attributes.clearStClear && attributes.writeDefine) return inParameter(2, RC.attributes);
  if (dataSize > MAX_NV_BUFFER || (kind === 'counter' && dataSize !== COUNTER_SIZE)) return inParameter(2, RC.size);
  return undefined;
}
