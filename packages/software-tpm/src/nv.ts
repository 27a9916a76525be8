import { concat, stripTrailingZeros, u16be } from '@sekimori/bytes';
import { encode, type Infer } from '@sekimori/codec';
import { type Crypto, Secret } from '@sekimori/crypto-core';
import { TPM_ALG, type TpmaNv, TPMS_NV_PUBLIC } from '@sekimori/tpm2';
import type { HierarchyEntity, NvEntity } from './entities.ts';
import { known, type Machine } from './machine.ts';
import { type Answer, RC, refuse } from './response-codes.ts';

export type NvPublic = Infer<typeof TPMS_NV_PUBLIC>;

/** An ordinary NV index or a counter. Bit fields, extend and PIN indices are not there. Part 1, 37. */
export interface NvIndex {
  readonly public: NvPublic;
  readonly name: Uint8Array;
  readonly auth: Secret;
  readonly data: Uint8Array;
}

export function nvIndexOf(
  crypto: Crypto,
  area: NvPublic,
  parts: { readonly auth?: Uint8Array; readonly data?: Uint8Array } = {},
): NvIndex {
  return {
    public: area,
    name: concat(u16be(TPM_ALG[area.nameAlg]), crypto.hash(area.nameAlg, encode(TPMS_NV_PUBLIC, area))),
    auth: new Secret(stripTrailingZeros(parts.auth ?? new Uint8Array(0))),
    data: parts.data ?? new Uint8Array(area.dataSize).fill(0xff),
  };
}

/** Its Name changes with its attributes. */
export function changeNv(machine: Machine, index: NvIndex, attributes: Partial<TpmaNv>, data = index.data): void {
  const area = { ...index.public, attributes: { ...index.public.attributes, ...attributes } };
  const changed = index.auth.use((auth) => nvIndexOf(machine.crypto, area, { auth, data }));
  machine.nvIndices.set(area.nvIndex, known(changed));
}

/** TPM Reset and Restart: locks until the next start end, and some indices count as never written. Part 1, 37.2.3 and 37.2.6. */
export function restartNv(machine: Machine): void {
  for (const { known: index } of machine.nvIndices.values()) {
    if (!index) continue;
    const { writeStClear, writeDefine, clearStClear, written, writeLocked, readLocked } = index.public.attributes;
    const forgets = clearStClear && written;
    const unlocks = (writeStClear && writeLocked && !(writeDefine && written)) || readLocked;
    if (forgets || unlocks)
      changeNv(machine, index, {
        written: written && !forgets,
        writeLocked: writeLocked && !unlocks,
        readLocked: false,
      });
  }
}

/** Part 1, 37.3: a hierarchy where the index allows it; or the index itself, whose authorization was checked. */
export function mayAccess(authority: HierarchyEntity | NvEntity, index: NvIndex, access: 'Read' | 'Write'): boolean {
  if (authority.kind === 'nv') return authority.index === index;
  return index.public.attributes[`${authority.hierarchy.name === 'platform' ? 'pp' : 'owner'}${access}`];
}

/** What reads an index must pass. */
export function readable(authority: HierarchyEntity | NvEntity, index: NvIndex): Answer<NvIndex> {
  if (!mayAccess(authority, index, 'Read')) return refuse(RC.nvAuthorization);
  if (index.public.attributes.readLocked) return refuse(RC.nvLocked);
  return index.public.attributes.written ? { ok: true, value: index } : refuse(RC.nvUninitialized);
}

/** And what changes one. */
export function writable(authority: HierarchyEntity | NvEntity, index: NvIndex): Answer<NvIndex> {
  if (!mayAccess(authority, index, 'Write')) return refuse(RC.nvAuthorization);
  return index.public.attributes.writeLocked ? refuse(RC.nvLocked) : { ok: true, value: index };
}
