import { decode } from '@sekimori/codec';
import { hashLength, Secret } from '@sekimori/crypto-core';
import { expectOk, ok } from '@sekimori/result';
import {
  makeCredential,
  storageKeyBits,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_ID_OBJECT,
  unprotectCredential,
} from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { seedFor } from '../objects.ts';
import { inHandle, inParameter, RC } from '../response-codes.ts';

/** Part 1, 24. */
export const credential = {
  /** Part 3, 12.5. */
  ActivateCredential: handler<'ActivateCredential'>()({
    handles: ['object', 'object'],
    roles: ['admin', 'user'],
    run: async ({ crypto }, [{ object }, { object: key }], { credentialBlob, secret }) => {
      if (storageKeyBits(key.area.value) === undefined) return inHandle(2, RC.type);
      const seed = await seedFor(crypto, key, 'IDENTITY', secret);
      if (!seed) return inParameter(2, RC.value);
      const opened = unprotectCredential(crypto, key.area, seed, object.name, credentialBlob.bytes);
      if (!opened.ok) return inParameter(1, opened.fault.code === 'credential-integrity' ? RC.integrity : RC.size);
      return ok({ response: { certInfo: opened.value.use((bytes) => Uint8Array.from(bytes)) } });
    },
  }),
  /** Part 3, 12.6. */
  MakeCredential: handler<'MakeCredential'>()({
    handles: ['object'],
    run: ({ crypto }, [{ object: key }], request) => {
      const { area } = key;
      if (storageKeyBits(area.value) === undefined) return inHandle(1, RC.type);
      if (request.credential.length > hashLength(area.value.nameAlg)) return inParameter(1, RC.size);
      const made = makeCredential(crypto, area, request.objectName, new Secret(request.credential));
      if (!made.ok) return inHandle(1, RC.key);
      const credentialBlob = expectOk(decode(TPM2B_ID_OBJECT, made.value.credentialBlob));
      const secret = expectOk(decode(TPM2B_ENCRYPTED_SECRET, made.value.encryptedSecret));
      return ok({ response: { credentialBlob, secret } });
    },
  }),
};
