import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { publicKeyOf, TPM_RH } from '@sekimori/tpm2';
import { verifiesDigest } from '../curves.ts';
import { handler } from '../handler.ts';
import { inHandle, inParameter, RC } from '../response-codes.ts';
import { NULL_VERIFIED_TICKET, verifiedTicket } from '../tickets.ts';

export const signatures = {
  /** Part 3, 20.1. ECDSA alone. */
  VerifySignature: handler<'VerifySignature'>()({
    handles: ['object'],
    run: (machine, [{ object }], { digest, signature }) => {
      if (!object.area.value.objectAttributes.sign) return inHandle(1, RC.attributes);
      const key = publicKeyOf(machine.crypto, object.area);
      if (!key.ok) return inHandle(1, RC.key);
      if (key.value.type !== 'ec' || signature.sigAlg !== 'ecdsa') return inParameter(2, RC.scheme);
      const { signatureR: r, signatureS: s, hash } = signature;
      if (digest.length !== hashLength(hash) || !verifiesDigest(key.value, digest, { r, s }))
        return inParameter(2, RC.signature);
      const { hierarchy, name } = object;
      const validation =
        hierarchy === TPM_RH.null ? NULL_VERIFIED_TICKET : verifiedTicket(machine, hierarchy, digest, name);
      return validation ? ok({ response: { validation } }) : inHandle(1, RC.value);
    },
  }),
};
