import { decode, encode } from '@sekimori/codec';
import { outerProtection, TPM2B_SENSITIVE, type TpmtSensitive, unwrapOuter, wrapOuter } from '@sekimori/tpm2';
import type { Machine } from './machine.ts';
import type { TpmObject } from './objects.ts';
import { seedOf } from './sensitive.ts';

/** The sensitive part of an object for the outside: encrypted and bound to the object's Name by its parent. Part 1, 22 and 23. */
export function wrap(machine: Machine, parent: TpmObject, name: Uint8Array, sensitive: TpmtSensitive): Uint8Array {
  const by = outerProtection(parent.area, seedOf(machine, parent));
  return wrapOuter(machine.crypto, by, name, encode(TPM2B_SENSITIVE, sensitive), 'fresh');
}

/** Undefined for what this parent did not wrap for this Name. */
export function unwrap(
  machine: Machine,
  parent: TpmObject,
  name: Uint8Array,
  wrapped: Uint8Array,
): TpmtSensitive | undefined {
  const by = outerProtection(parent.area, seedOf(machine, parent));
  const plain = unwrapOuter(machine.crypto, by, name, wrapped, 'fresh');
  const opened = plain && decode(TPM2B_SENSITIVE, plain);
  return opened?.ok ? opened.value : undefined;
}
