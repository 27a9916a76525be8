import { decode, encode } from '@sekimori/codec';
import type { Crypto } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import {
  isAesBits,
  nameOf,
  outerProtection,
  type RequestOf,
  shareSeed,
  storageKeyBits,
  TPM2B_SENSITIVE,
  unwrapInner,
  unwrapOuter,
  wrapInner,
  wrapOuter,
} from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { isStorageKey, seedFor } from '../objects.ts';
import { type Answer, inHandle, inParameter, RC, refuse } from '../response-codes.ts';
import { keyOf, sensitiveOf } from '../sensitive.ts';
import { unusableArea } from '../template.ts';
import { wrap } from '../wrapping.ts';

const NONE = new Uint8Array(0);

type Cipher = RequestOf<'Duplicate'>['symmetricAlg'];

/** Part 3, 13; Part 1, 23.3. */
export const duplication = {
  Duplicate: handler<'Duplicate'>()({
    handles: ['object', 'objectOrNull'],
    roles: ['dup'],
    run: (machine, [{ object }, newParent], { encryptionKeyIn, symmetricAlg }) => {
      const { crypto } = machine;
      const { objectAttributes, nameAlg } = object.area.value;
      const parent = newParent.kind === 'object' ? newParent.object : undefined;
      if (objectAttributes.fixedParent) return inHandle(1, RC.attributes);
      if (parent && storageKeyBits(parent.area.value) === undefined) return inHandle(2, RC.type);
      if (objectAttributes.encryptedDuplication && symmetricAlg.algorithm === 'null')
        return inParameter(2, RC.symmetric);
      if (objectAttributes.encryptedDuplication && !parent) return inHandle(2, RC.hierarchy);
      const inner = innerKey(crypto, symmetricAlg, encryptionKeyIn, 'make one', 2);
      if (!inner.ok) return inner;
      const plain = encode(TPM2B_SENSITIVE, sensitiveOf(machine, object));
      const within = inner.value ? wrapInner(crypto, nameAlg, object.name, inner.value, plain) : plain;
      const encryptionKeyOut = inner.value && encryptionKeyIn.length === 0 ? inner.value : NONE;
      if (!parent) return ok({ response: { encryptionKeyOut, duplicate: within, outSymSeed: NONE } });
      const shared = shareSeed(crypto, parent.area, 'DUPLICATE');
      if (!shared.ok) return inHandle(2, RC.key);
      const { seed, encrypted: outSymSeed } = shared.value;
      const duplicate = wrapOuter(crypto, outerProtection(parent.area, seed), object.name, within);
      return ok({ response: { encryptionKeyOut, duplicate, outSymSeed } });
    },
  }),
  Import: handler<'Import'>()({
    handles: ['object'],
    run: async (machine, [{ object: parent }], request) => {
      const { encryptionKey, objectPublic, inSymSeed, symmetricAlg } = request;
      const { crypto } = machine;
      const { objectAttributes, nameAlg } = objectPublic.value;
      if (objectAttributes.fixedTPM || objectAttributes.fixedParent) return inParameter(2, RC.attributes);
      if (!isStorageKey(parent)) return inHandle(1, RC.type);
      const inner = innerKey(crypto, symmetricAlg, encryptionKey, 'none', 5);
      if (!inner.ok) return inner;
      if (objectAttributes.encryptedDuplication && !inner.value) return inParameter(1, RC.attributes);
      const name = nameOf(crypto, objectPublic);
      let plain: Uint8Array = request.duplicate;
      if (inSymSeed.length > 0) {
        const seed = await seedFor(crypto, parent, 'DUPLICATE', inSymSeed);
        if (!seed) return inParameter(4, RC.value);
        const opened = unwrapOuter(crypto, outerProtection(parent.area, seed), name, plain);
        if (!opened) return inParameter(3, RC.integrity);
        plain = opened;
      } else if (objectAttributes.encryptedDuplication) {
        return inParameter(4, RC.attributes);
      }
      if (inner.value) {
        const opened = unwrapInner(crypto, nameAlg, name, inner.value, plain);
        if (!opened.ok) return inParameter(3, opened.fault.code === 'duplicate-integrity' ? RC.integrity : RC.size);
        plain = opened.value;
      }
      const sensitive = decode(TPM2B_SENSITIVE, plain);
      if (!sensitive.ok) return inParameter(3, sensitive.fault.code === 'trailing-bytes' ? RC.size : RC.insufficient);
      const unusable = unusableArea(objectPublic.value, {
        kind: 'object',
        attributes: { ...parent.area.value.objectAttributes, fixedTPM: true },
      });
      if (unusable) return unusable;
      if (!keyOf(crypto, objectPublic, sensitive.value)) return refuse(RC.binding);
      return ok({ response: { outPrivate: wrap(machine, parent, name, sensitive.value) } });
    },
  }),
};

/** The key of the inner wrapper: AES-CFB alone. The key is the first parameter; the cipher the one that is named. */
function innerKey(
  crypto: Crypto,
  cipher: Cipher,
  given: Uint8Array,
  instead: 'make one' | 'none',
  parameter: number,
): Answer<Uint8Array | undefined> {
  if (cipher.algorithm === 'null') return given.length === 0 ? ok(undefined) : inParameter(1, RC.size);
  if (cipher.algorithm !== 'aes') return inParameter(parameter, RC.symmetric);
  if (!isAesBits(cipher.keyBits)) return inParameter(parameter, RC.value);
  if (cipher.mode !== 'cfb') return inParameter(parameter, RC.mode);
  const length = cipher.keyBits / 8;
  if (given.length === 0 && instead === 'make one') return ok(crypto.random(length));
  return given.length === length ? ok(given) : inParameter(1, RC.size);
}
