import { concat, equal } from '@sekimori/bytes';
import { decode, decodePrefix, encode } from '@sekimori/codec';
import type { Crypto, HashName } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { nameOf, type RequestOf, TPM2B_DIGEST, TPM2B_SENSITIVE } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { isStorageArea, isStorageKey } from '../objects.ts';
import { protect, protectionBy, unprotect } from '../protection.ts';
import { type Answer, inHandle, inParameter, RC, refuse } from '../response-codes.ts';
import { recoverSeed, shareSeed } from '../seeds.ts';
import { keyOf, sensitiveOf } from '../sensitive.ts';
import { isAesKeySize, unusableArea } from '../template.ts';
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
      if (parent && !isStorageArea(parent.area.value)) return inHandle(2, RC.type);
      if (objectAttributes.encryptedDuplication && symmetricAlg.algorithm === 'null')
        return inParameter(2, RC.symmetric);
      if (objectAttributes.encryptedDuplication && !parent) return inHandle(2, RC.hierarchy);
      const inner = innerKey(crypto, symmetricAlg, encryptionKeyIn, 'make one', 2);
      if (!inner.ok) return inner;
      const plain = encode(TPM2B_SENSITIVE, sensitiveOf(machine, object));
      let duplicate: Uint8Array = plain;
      if (inner.value) {
        const integrity = encode(TPM2B_DIGEST, crypto.hash(nameAlg, concat(plain, object.name)));
        duplicate = crypto.aesCfb('encrypt', inner.value, ZERO_IV, concat(integrity, plain));
      }
      const encryptionKeyOut = inner.value && encryptionKeyIn.length === 0 ? inner.value : NONE;
      if (!parent) return ok({ response: { encryptionKeyOut, duplicate, outSymSeed: NONE } });
      const shared = shareSeed(crypto, parent.area, 'DUPLICATE');
      if (!shared) return inHandle(2, RC.key);
      duplicate = protect(crypto, protectionBy(parent.area, shared.seed), object.name, duplicate, 'zero');
      return ok({ response: { encryptionKeyOut, duplicate, outSymSeed: shared.encrypted } });
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
        const seed = await recoverSeed(crypto, parent, 'DUPLICATE', inSymSeed);
        if (!seed) return inParameter(4, RC.value);
        const opened = unprotect(crypto, protectionBy(parent.area, seed), name, plain, 'zero');
        if (!opened) return inParameter(3, RC.integrity);
        plain = opened;
      } else if (objectAttributes.encryptedDuplication) {
        return inParameter(4, RC.attributes);
      }
      if (inner.value) {
        const opened = withoutInner(crypto, inner.value, nameAlg, name, plain);
        if (!opened.ok) return opened;
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

const ZERO_IV = new Uint8Array(16);

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
  if (!isAesKeySize(cipher.keyBits)) return inParameter(parameter, RC.value);
  if (cipher.mode !== 'cfb') return inParameter(parameter, RC.mode);
  const length = cipher.keyBits / 8;
  if (given.length === 0 && instead === 'make one') return ok(crypto.random(length));
  return given.length === length ? ok(given) : inParameter(1, RC.size);
}

/** Refused: what was not wrapped with this key for this Name. */
function withoutInner(
  crypto: Crypto,
  key: Uint8Array,
  hash: HashName,
  name: Uint8Array,
  wrapped: Uint8Array,
): Answer<Uint8Array> {
  const opened = crypto.aesCfb('decrypt', key, ZERO_IV, wrapped);
  const integrity = decodePrefix(TPM2B_DIGEST, opened);
  if (!integrity.ok) return inParameter(3, RC.size);
  const plain = opened.subarray(integrity.value.length);
  const holds = equal(integrity.value.value, crypto.hash(hash, concat(plain, name)));
  return holds ? ok(plain) : inParameter(3, RC.integrity);
}
