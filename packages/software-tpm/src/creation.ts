import { encode, type Infer } from '@sekimori/codec';
import { ok } from '@sekimori/result';
import { pcrDigestOf, type RequestOf, TPMS_CREATION_DATA } from '@sekimori/tpm2';
import type { Machine } from './machine.ts';
import type { TpmObject } from './objects.ts';
import { type Answer, RC, refuse } from './response-codes.ts';
import { creationTicket } from './tickets.ts';

/** Who an object was made below: an object, or the hierarchy, which is named by its handle. */
export interface Parent {
  readonly alg: Infer<typeof TPMS_CREATION_DATA>['parentNameAlg'];
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
}

/** The part of a response that says how an object came to be. Part 2, 15.1. */
export function creationOf(
  machine: Machine,
  hierarchy: number,
  object: Pick<TpmObject, 'area' | 'name'>,
  parent: Parent,
  { outsideInfo, creationPCR }: Pick<RequestOf<'Create'>, 'outsideInfo' | 'creationPCR'>,
) {
  const { nameAlg } = object.area.value;
  const { selection, values } = machine.pcrs.select(creationPCR);
  const creationData = {
    pcrSelect: selection,
    pcrDigest: pcrDigestOf(machine.crypto, nameAlg, values),
    locality: 1, // TPMA_LOCALITY: bit 0 for locality 0
    parentNameAlg: parent.alg,
    parentName: parent.name,
    parentQualifiedName: parent.qualifiedName,
    outsideInfo,
  };
  const creationHash = machine.crypto.hash(nameAlg, encode(TPMS_CREATION_DATA, creationData));
  return { creationData, creationHash, creationTicket: creationTicket(machine, hierarchy, object.name, creationHash) };
}

/** The handle of a transient object. */
export function loadObject(machine: Machine, object: TpmObject): Answer<number> {
  const slot = machine.transients.add((handle) => ({ handle, object }));
  return slot ? ok(slot.handle) : refuse(RC.objectMemory);
}
