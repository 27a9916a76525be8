import { ok } from '@sekimori/result';
import { handleType, TPM_RH } from '@sekimori/tpm2';
import type { Entity, HierarchyEntity, NvEntity, ObjectEntity, PcrEntity, SessionEntity } from './entities.ts';
import type { HierarchyName } from './hierarchies.ts';
import type { Machine } from './machine.ts';
import { PCR_COUNT } from './pcrs.ts';
import { type Answer, inHandle, RC, refuse } from './response-codes.ts';

/** What may stand in a place for a handle: the TPMI_DH_ and TPMI_RH_ types of Part 2, 9. */
export interface HandleKinds {
  object: ObjectEntity;
  objectOrNull: ObjectEntity | HierarchyEntity;
  /** Those that have keys. */
  hierarchy: HierarchyEntity;
  provision: HierarchyEntity;
  /** Those whose authorization can be changed. */
  authorizable: HierarchyEntity;
  /** The one whose hierarchy is private. */
  endorsement: HierarchyEntity;
  lockout: HierarchyEntity;
  /** Those that may clear. */
  clearing: HierarchyEntity;
  pcr: PcrEntity;
  pcrOrNull: PcrEntity | HierarchyEntity;
  /** What TPM2_ContextSave puts aside. */
  saveable: ObjectEntity | SessionEntity;
  nv: NvEntity;
  nvAuth: HierarchyEntity | NvEntity;
  policySession: SessionEntity;
  entity: ObjectEntity | HierarchyEntity | NvEntity | PcrEntity;
  entityOrNull: ObjectEntity | HierarchyEntity | NvEntity | PcrEntity;
}
export type HandleKind = keyof HandleKinds;

/** The entity behind the nth handle (counted from 1) of a command. */
export async function resolveHandle(
  machine: Machine,
  handle: number,
  kind: HandleKind,
  n: number,
): Promise<Answer<Entity>> {
  if (!ALLOWED[kind](handle)) return inHandle(n, RC.value);
  switch (handleType(handle)) {
    case 'pcr':
      return ok({ kind: 'pcr', handle });
    case 'permanent':
      return ok({ kind: 'hierarchy', handle, hierarchy: machine.hierarchy(HIERARCHY_OF.get(handle) as HierarchyName) });
    case 'hmac-session':
    case 'policy-session': {
      const session = sessionOf(machine, handle);
      return session ? ok({ kind: 'session', handle, session }) : refuse(RC.referenceH0 + n - 1);
    }
    case 'transient': {
      if (!machine.transients.inRange(handle)) return inHandle(n, RC.value);
      const slot = machine.transients.get(handle);
      return slot ? ok({ kind: 'object', handle, object: slot.object }) : refuse(RC.referenceH0 + n - 1);
    }
    case 'persistent': {
      const load = machine.persistents.get(handle);
      return load ? ok({ kind: 'object', handle, object: await load() }) : inHandle(n, RC.handle);
    }
    case 'nv': {
      const load = machine.nvIndices.get(handle);
      return load ? ok({ kind: 'nv', handle, index: await load() }) : inHandle(n, RC.handle);
    }
    default:
      return inHandle(n, RC.value);
  }
}

export function sessionOf(machine: Machine, handle: number) {
  return machine.sessions.get(handle);
}

const HIERARCHY_OF: ReadonlyMap<number, HierarchyName> = new Map(
  (['owner', 'endorsement', 'platform', 'null', 'lockout'] as const).map((name) => [TPM_RH[name], name]),
);

const isObject = (handle: number) => ['transient', 'persistent'].includes(handleType(handle) ?? '');
const isNv = (handle: number) => handleType(handle) === 'nv';
const isPcr = (handle: number) => handle < PCR_COUNT;
const isNull = (handle: number) => handle === TPM_RH.null;
const isOneOf =
  (...names: readonly HierarchyName[]) =>
  (handle: number) =>
    names.includes(HIERARCHY_OF.get(handle) as HierarchyName);
/** TPMI_RH_HIERARCHY+: those that have keys. */
export const isHierarchy = isOneOf('owner', 'endorsement', 'platform', 'null');
const isProvision = isOneOf('owner', 'platform');
const isEntity = (handle: number) =>
  isObject(handle) || isNv(handle) || isPcr(handle) || isOneOf('owner', 'endorsement', 'platform', 'lockout')(handle);

const ALLOWED: Readonly<Record<HandleKind, (handle: number) => boolean>> = {
  object: isObject,
  objectOrNull: (handle) => isObject(handle) || isNull(handle),
  hierarchy: isHierarchy,
  provision: isProvision,
  authorizable: isOneOf('owner', 'endorsement', 'platform', 'lockout'),
  endorsement: isOneOf('endorsement'),
  lockout: isOneOf('lockout'),
  clearing: isOneOf('lockout', 'platform'),
  pcr: isPcr,
  pcrOrNull: (handle) => isPcr(handle) || isNull(handle),
  saveable: (handle) => ['transient', 'hmac-session', 'policy-session'].includes(handleType(handle) ?? ''),
  nv: isNv,
  nvAuth: (handle) => isProvision(handle) || isNv(handle),
  policySession: (handle) => handleType(handle) === 'policy-session',
  // TPM2_PolicySecret takes the NULL hierarchy too
  entity: (handle) => isEntity(handle) || isNull(handle),
  entityOrNull: (handle) => isEntity(handle) || isNull(handle),
};
