import { u32be } from '@sekimori/bytes';
import { type HashName, Secret } from '@sekimori/crypto-core';
import { TPM_RH } from '@sekimori/tpm2';
import type { Hierarchy } from './hierarchies.ts';
import type { NvIndex } from './nv.ts';
import type { TpmObject } from './objects.ts';
import type { Session } from './sessions.ts';

/** What a handle names. Part 1, 15. */
export type ObjectEntity = { readonly kind: 'object'; readonly handle: number; readonly object: TpmObject };
export type HierarchyEntity = { readonly kind: 'hierarchy'; readonly handle: number; readonly hierarchy: Hierarchy };
export type NvEntity = { readonly kind: 'nv'; readonly handle: number; readonly index: NvIndex };
export type PcrEntity = { readonly kind: 'pcr'; readonly handle: number };
export type SessionEntity = { readonly kind: 'session'; readonly handle: number; readonly session: Session };
export type Entity = ObjectEntity | HierarchyEntity | NvEntity | PcrEntity | SessionEntity;

const EMPTY = new Secret(new Uint8Array(0));

/** Part 1, 16: what cpHash takes for the handle. */
export function nameOfEntity(entity: Entity): Uint8Array {
  if (entity.kind === 'object') return entity.object.name;
  if (entity.kind === 'nv') return entity.index.name;
  return u32be(entity.handle);
}

/** PCRs have an empty authorization here, as in the PC Client profile. */
export function authOf(entity: Entity): Secret {
  if (entity.kind === 'object') return entity.object.auth;
  if (entity.kind === 'hierarchy') return entity.hierarchy.auth;
  return entity.kind === 'nv' ? entity.index.auth : EMPTY;
}

/** Undefined for an entity that no policy can authorize. An empty one is satisfied by nothing. */
export function policyOf(entity: Entity): { readonly hash: HashName; readonly digest: Uint8Array } | undefined {
  const area =
    entity.kind === 'object' ? entity.object.area.value : entity.kind === 'nv' ? entity.index.public : undefined;
  return area && { hash: area.nameAlg, digest: area.authPolicy };
}

/** The handle of the hierarchy whose proof vouches for the entity. Part 1, 11.4.6.3. */
export function hierarchyOf(entity: Entity): number {
  if (entity.kind === 'object') return entity.object.hierarchy;
  if (entity.kind === 'nv') return entity.index.public.attributes.platformCreate ? TPM_RH.platform : TPM_RH.owner;
  if (entity.kind !== 'hierarchy') return TPM_RH.null;
  return entity.hierarchy.name === 'lockout' ? TPM_RH.owner : entity.handle;
}

/** Whether a wrong authorization would count for the dictionary-attack protection. Part 1, 19.8. */
export function isLockable(entity: Entity): boolean {
  if (entity.kind === 'object') return !entity.object.area.value.objectAttributes.noDA;
  if (entity.kind === 'nv') return !entity.index.public.attributes.noDA;
  return entity.kind === 'hierarchy' && entity.hierarchy.name === 'lockout';
}
