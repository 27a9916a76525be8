import { concat, equalConstantTime } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { kdfa, TPM2B_DIGEST } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { inHandle, inParameter, RC } from '../response-codes.ts';
import { recoverSeed } from '../seeds.ts';

const NONE = new Uint8Array(0);

export const credential = {
  /** Part 3, 12.5; Part 1, 24. */
  ActivateCredential: handler<'ActivateCredential'>()({
    handles: ['object', 'object'],
    roles: ['admin', 'user'],
    run: async ({ crypto }, [{ object }, { object: key }], { credentialBlob, secret }) => {
      const { nameAlg, objectAttributes, parameters } = key.area.value;
      if (!objectAttributes.restricted || !objectAttributes.decrypt) return inHandle(2, RC.type);
      if ((parameters.is !== 'rsa' && parameters.is !== 'ecc') || parameters.value.symmetric.algorithm !== 'aes')
        return inHandle(2, RC.type);
      const seed = await recoverSeed(crypto, key, 'IDENTITY', secret);
      if (!seed) return inParameter(2, RC.value);
      const { integrityHMAC, encIdentity } = credentialBlob.value;
      const hmacKey = kdfa(crypto, nameAlg, seed, 'INTEGRITY', NONE, NONE, 8 * hashLength(nameAlg));
      const integrity = crypto.hmac(nameAlg, hmacKey, concat(encIdentity, object.name));
      if (!equalConstantTime(integrity, integrityHMAC)) return inParameter(1, RC.integrity);
      const symmetricKey = kdfa(
        crypto,
        nameAlg,
        seed,
        'STORAGE',
        object.name,
        NONE,
        parameters.value.symmetric.keyBits,
      );
      const opened = decode(TPM2B_DIGEST, crypto.aesCfb('decrypt', symmetricKey, new Uint8Array(16), encIdentity));
      return opened.ok ? ok({ response: { certInfo: opened.value } }) : inParameter(1, RC.size);
    },
  }),
};
