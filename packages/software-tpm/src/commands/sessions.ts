import { hashLength, type Secret } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { isAesBits, sessionKey } from '@sekimori/tpm2';
import { authOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { seedFor } from '../objects.ts';
import { inHandle, inParameter, RC, refuse } from '../response-codes.ts';
import { bindingOf, freshPolicy, type SymmetricDefinition } from '../sessions.ts';

const MIN_NONCE = 16;
const HMAC_SESSION = 0x02000000;
const POLICY_SESSION = 0x03000000;

export const sessions = {
  StartAuthSession: handler<'StartAuthSession'>()({
    handles: ['objectOrNull', 'entityOrNull'],
    run: async (machine, [tpmKey, bind], request) => {
      const { nonceCaller, encryptedSalt, sessionType, symmetric, authHash } = request;
      const { crypto } = machine;
      if (machine.sessions.isFull) return refuse(RC.sessionMemory);
      if (nonceCaller.length < MIN_NONCE || nonceCaller.length > hashLength(authHash)) return inParameter(1, RC.size);
      const { algorithm } = symmetric;
      if (algorithm !== 'aes' && algorithm !== 'xor' && algorithm !== 'null') return inParameter(4, RC.symmetric);
      if (symmetric.algorithm === 'aes' && !isAesBits(symmetric.keyBits)) return inParameter(4, RC.value);
      if (symmetric.algorithm === 'aes' && symmetric.mode !== 'cfb') return inParameter(4, RC.mode);
      let salt: Secret | undefined;
      if (tpmKey.kind === 'object') {
        const { object } = tpmKey;
        if (object.key === undefined) return inHandle(1, RC.handle);
        if (!object.area.value.objectAttributes.decrypt) return inHandle(1, RC.attributes);
        salt = await seedFor(crypto, object, 'SECRET', encryptedSalt);
        if (!salt) return inParameter(2, RC.value);
      } else if (encryptedSalt.length > 0) {
        return inParameter(2, RC.value);
      }
      const isBound = bind.kind !== 'hierarchy' || bind.hierarchy.name !== 'null';
      const nonceTpm = crypto.random(hashLength(authHash));
      const secrets = { authValue: isBound ? authOf(bind) : undefined, salt };
      const key = sessionKey(crypto, authHash, secrets, nonceTpm, nonceCaller);
      const type = sessionType === 'hmac' ? HMAC_SESSION : POLICY_SESSION;
      const session = machine.sessions.add((slot) => ({
        handle: type + slot,
        type: sessionType,
        hash: authHash,
        symmetric: symmetric satisfies SymmetricDefinition,
        key,
        bound: isBound ? bindingOf(bind) : undefined,
        startedAt: machine.time.time,
        nonceTpm,
        policy: freshPolicy(authHash),
      }));
      return session ? ok({ handle: session.handle, response: { nonceTPM: nonceTpm } }) : refuse(RC.sessionHandles);
    },
  }),
};
