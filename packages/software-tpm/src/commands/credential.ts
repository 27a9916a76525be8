import { decode, decodePrefix, encode } from '@sekimori/codec';
import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { TPM2B_DIGEST, TPMS_ID_OBJECT } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { isStorageArea } from '../objects.ts';
import { protect, protectionBy, unprotect } from '../protection.ts';
import { inHandle, inParameter, RC } from '../response-codes.ts';
import { recoverSeed, shareSeed } from '../seeds.ts';

/** Part 1, 24. */
export const credential = {
  /** Part 3, 12.5. */
  ActivateCredential: handler<'ActivateCredential'>()({
    handles: ['object', 'object'],
    roles: ['admin', 'user'],
    run: async ({ crypto }, [{ object }, { object: key }], { credentialBlob, secret }) => {
      if (!isStorageArea(key.area.value)) return inHandle(2, RC.type);
      const seed = await recoverSeed(crypto, key, 'IDENTITY', secret);
      if (!seed) return inParameter(2, RC.value);
      const by = protectionBy(key.area, seed);
      const plain = unprotect(crypto, by, object.name, encode(TPMS_ID_OBJECT, credentialBlob.value), 'zero');
      if (!plain) return inParameter(1, RC.integrity);
      const opened = decode(TPM2B_DIGEST, plain);
      return opened.ok ? ok({ response: { certInfo: opened.value } }) : inParameter(1, RC.size);
    },
  }),
  /** Part 3, 12.6. */
  MakeCredential: handler<'MakeCredential'>()({
    handles: ['object'],
    run: ({ crypto }, [{ object: key }], request) => {
      const { area } = key;
      if (!isStorageArea(area.value)) return inHandle(1, RC.type);
      if (request.credential.length > hashLength(area.value.nameAlg)) return inParameter(1, RC.size);
      const shared = shareSeed(crypto, area, 'IDENTITY');
      if (!shared) return inHandle(1, RC.key);
      const by = protectionBy(area, shared.seed);
      const bytes = protect(crypto, by, request.objectName, encode(TPM2B_DIGEST, request.credential), 'zero');
      const value = decodePrefix(TPMS_ID_OBJECT, bytes);
      if (!value.ok) throw new Error('what was protected can be read');
      return ok({ response: { credentialBlob: { value: value.value.value, bytes }, secret: shared.encrypted } });
    },
  }),
};
