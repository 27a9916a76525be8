import { concat, equalConstantTime } from '@sekimori/bytes';
import { decode, encode, rest, sized, struct, u16 } from '@sekimori/codec';
import { hashLength, Secret } from '@sekimori/crypto-core';
import { kdfa, TPM2B_AUTH, TPM2B_DIGEST, TPM2B_SENSITIVE_DATA } from '@sekimori/tpm2';
import type { Machine } from './machine.ts';
import type { TpmObject } from './objects.ts';

const NONE = new Uint8Array(0);
const MAX_SENSITIVE = 512;

/** TPMT_SENSITIVE of sealed data, without its type, which is always the same here. Part 2, 12.3.2. */
const SENSITIVE = struct('TPMT_SENSITIVE')
  .field('authValue', TPM2B_AUTH)
  .field('seedValue', TPM2B_DIGEST)
  .field('sensitive', TPM2B_SENSITIVE_DATA);
const PRIVATE = struct('_PRIVATE').field('integrityOuter', TPM2B_DIGEST).field('encrypted', rest(MAX_SENSITIVE));
const WRAPPED = sized(u16, MAX_SENSITIVE, SENSITIVE, 'TPM2B_SENSITIVE');

export interface Sensitive {
  readonly authValue: Uint8Array;
  readonly seedValue: Uint8Array;
  readonly sensitive: Uint8Array;
}

/** The sensitive part of an object for the outside: encrypted and bound to the object's Name by its parent. Part 1, 22 and 23. */
export function wrap(machine: Machine, parent: TpmObject, name: Uint8Array, sensitive: Sensitive): Uint8Array {
  const { crypto } = machine;
  const { nameAlg } = parent.area.value;
  const iv = crypto.random(16);
  const key = storageKey(machine, parent, 'STORAGE', name, keyBits(parent));
  const encrypted = concat(iv, crypto.aesCfb('encrypt', key, iv, encode(WRAPPED, sensitive)));
  const integrityOuter = crypto.hmac(nameAlg, integrityKey(machine, parent), concat(encrypted, name));
  return encode(PRIVATE, { integrityOuter, encrypted });
}

/** Undefined for what this parent did not wrap for this Name. */
export function unwrap(
  machine: Machine,
  parent: TpmObject,
  name: Uint8Array,
  wrapped: Uint8Array,
): Sensitive | undefined {
  const { crypto } = machine;
  const outer = decode(PRIVATE, wrapped);
  if (!outer.ok || outer.value.encrypted.length < 16) return undefined;
  const { integrityOuter, encrypted } = outer.value;
  const expected = crypto.hmac(parent.area.value.nameAlg, integrityKey(machine, parent), concat(encrypted, name));
  if (!equalConstantTime(expected, integrityOuter)) return undefined;
  const key = storageKey(machine, parent, 'STORAGE', name, keyBits(parent));
  const opened = decode(WRAPPED, crypto.aesCfb('decrypt', key, encrypted.subarray(0, 16), encrypted.subarray(16)));
  return opened.ok ? opened.value : undefined;
}

export function isStorageKey({ area, key }: TpmObject): boolean {
  const { objectAttributes, parameters } = area.value;
  return key !== undefined && objectAttributes.restricted && objectAttributes.decrypt && parameters.is !== 'keyedhash';
}

function integrityKey(machine: Machine, parent: TpmObject): Secret {
  return storageKey(machine, parent, 'INTEGRITY', NONE, 8 * hashLength(parent.area.value.nameAlg));
}

/** The seed of a primary storage key follows from its hierarchy's, as the key itself does. */
function storageKey(machine: Machine, parent: TpmObject, label: string, context: Uint8Array, bits: number): Secret {
  const hierarchy = [...machine.hierarchies.values()].find((each) => each.handle === parent.hierarchy);
  if (!hierarchy) throw new Error('an object without a hierarchy');
  const { nameAlg } = parent.area.value;
  const seed = kdfa(machine.crypto, nameAlg, hierarchy.seed, 'SEED', parent.name, NONE, 8 * hashLength(nameAlg));
  return kdfa(machine.crypto, nameAlg, seed, label, context, NONE, bits);
}

function keyBits({ area }: TpmObject): number {
  const { parameters } = area.value;
  const symmetric = parameters.is === 'rsa' || parameters.is === 'ecc' ? parameters.value.symmetric : undefined;
  if (symmetric?.algorithm !== 'aes') throw new Error('a parent is a storage key');
  return symmetric.keyBits;
}
