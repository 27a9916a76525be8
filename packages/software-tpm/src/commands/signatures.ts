import { equal } from '@sekimori/bytes';
import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { TPM_RH } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { inHandle, inParameter, RC } from '../response-codes.ts';
import { signDigest, signingOf, verifiesDigest } from '../signing.ts';
import { hashcheckTicket, NULL_VERIFIED_TICKET, verifiedTicket } from '../tickets.ts';

export const signatures = {
  /** Part 3, 20.1. */
  VerifySignature: handler<'VerifySignature'>()({
    handles: ['object'],
    run: (machine, [{ object }], { digest, signature }) => {
      if (!object.area.value.objectAttributes.sign) return inHandle(1, RC.attributes);
      const holds = verifiesDigest(machine, object, digest, signature);
      if (holds === undefined) return inParameter(2, RC.scheme);
      if (!holds) return inParameter(2, RC.signature);
      const { hierarchy, name } = object;
      const validation =
        hierarchy === TPM_RH.null ? NULL_VERIFIED_TICKET : verifiedTicket(machine, hierarchy, digest, name);
      return validation ? ok({ response: { validation } }) : inHandle(1, RC.value);
    },
  }),
  /** Part 3, 20.2: a restricted key signs what this TPM hashed, and was not made to look like an attestation. */
  Sign: handler<'Sign'>()({
    handles: ['object'],
    run: (machine, [{ object }], { digest, inScheme, validation }) => {
      const signing = signingOf(object, inScheme, 1, 2);
      if (!signing.ok) return signing;
      const { hash } = signing.value;
      if (validation.digest.length > 0 || object.area.value.objectAttributes.restricted) {
        const ticket = hashcheckTicket(machine, validation.hierarchy, hash, digest);
        if (!ticket || !equal(ticket.digest, validation.digest)) return inParameter(3, RC.ticket);
      } else if (digest.length !== hashLength(hash)) {
        return inParameter(1, RC.size);
      }
      return ok({ response: { signature: signDigest(machine, signing.value, digest) } });
    },
  }),
};
