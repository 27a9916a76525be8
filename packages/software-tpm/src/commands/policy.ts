import { concat, equal } from '@sekimori/bytes';
import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { pcrDigestOf, PolicyDigest, TPM_RH } from '@sekimori/tpm2';
import { nameOfEntity } from '../entities.ts';
import { handler } from '../handler.ts';
import { inParameter, RC, refuse } from '../response-codes.ts';
import { freshPolicy } from '../sessions.ts';
import { hashOfName, verifiedTicket } from '../tickets.ts';

const NONE = new Uint8Array(0);

/** Part 3, 23. A trial session computes the digest and checks nothing. */
export const policy = {
  PolicySecret: handler<'PolicySecret'>()({
    handles: ['entity', 'policySession'],
    run: (machine, [authority, { session }], { nonceTPM, cpHashA, policyRef, expiration }) => {
      const state = session.policy;
      if (session.type !== 'trial') {
        if (nonceTPM.length > 0 && !equal(nonceTPM, session.nonceTpm)) return inParameter(1, RC.nonce);
        if (cpHashA.length > 0 && cpHashA.length !== hashLength(session.hash)) return inParameter(2, RC.size);
        if (cpHashA.length > 0 && state.cpHash && !equal(state.cpHash, cpHashA)) return refuse(RC.cpHash);
        if (cpHashA.length > 0) state.cpHash = cpHashA;
        if (expiration !== 0) {
          const expiresAt = machine.time.time + 1000 * Math.abs(expiration);
          state.expiresAt = Math.min(state.expiresAt ?? expiresAt, expiresAt);
        }
      }
      state.digest = state.digest.secret(nameOfEntity(authority), policyRef);
      // without TPM2_PolicyTicket a ticket would be good for nothing: the NULL ticket
      const policyTicket = { tag: 'authSecret', hierarchy: TPM_RH.null, digest: NONE } as const;
      return ok({ response: { timeout: NONE, policyTicket } });
    },
  }),
  PolicyPCR: handler<'PolicyPCR'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { pcrDigest, pcrs }) => {
      const state = session.policy;
      const { selection, values } = machine.pcrs.select(pcrs);
      const current = pcrDigestOf(machine.crypto, session.hash, values);
      let digest = pcrDigest.length === 0 ? current : pcrDigest;
      if (session.type !== 'trial') {
        if (!equal(digest, current)) return inParameter(1, RC.value);
        const counter = machine.pcrs.updateCounter;
        if (state.pcrCounter !== undefined && state.pcrCounter !== counter) return refuse(RC.pcrChanged);
        state.pcrCounter = counter;
        digest = current;
      }
      state.digest = state.digest.pcr(selection, digest);
      return ok({ response: {} });
    },
  }),
  PolicyOR: handler<'PolicyOR'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { pHashList }) => {
      if (pHashList.length < 2) return inParameter(1, RC.value);
      const isBranch = pHashList.some((branch) => equal(branch, session.policy.digest.digest));
      if (session.type !== 'trial' && !isBranch) return inParameter(1, RC.value);
      session.policy.digest = PolicyDigest.or(machine.crypto, session.hash, pHashList);
      return ok({ response: {} });
    },
  }),
  PolicyAuthorize: handler<'PolicyAuthorize'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { approvedPolicy, policyRef, keySign, checkTicket }) => {
      const hash = hashOfName(keySign);
      if (!hash) return inParameter(3, RC.hash);
      if (keySign.length !== 2 + hashLength(hash)) return inParameter(3, RC.size);
      if (session.type !== 'trial') {
        if (!equal(approvedPolicy, session.policy.digest.digest)) return inParameter(1, RC.value);
        const digest = machine.crypto.hash(hash, concat(approvedPolicy, policyRef));
        const ticket = verifiedTicket(machine, checkTicket.hierarchy, digest, keySign);
        if (!ticket || !equal(ticket.digest, checkTicket.digest)) return inParameter(4, RC.value);
      }
      session.policy.digest = PolicyDigest.authorize(machine.crypto, session.hash, keySign, policyRef);
      return ok({ response: {} });
    },
  }),
  PolicyCommandCode: handler<'PolicyCommandCode'>()({
    handles: ['policySession'],
    run: (_machine, [{ session }], { code }) => {
      const state = session.policy;
      if (state.commandCode !== undefined && state.commandCode !== code) return inParameter(1, RC.value);
      state.commandCode = code;
      state.digest = state.digest.commandCode(code);
      return ok({ response: {} });
    },
  }),
  PolicyAuthValue: handler<'PolicyAuthValue'>()({
    handles: ['policySession'],
    run: (_machine, [{ session }]) => {
      session.policy.needsAuthValue = true;
      session.policy.digest = session.policy.digest.authValue();
      return ok({ response: {} });
    },
  }),
  PolicyGetDigest: handler<'PolicyGetDigest'>()({
    handles: ['policySession'],
    run: (_machine, [{ session }]) => ok({ response: { policyDigest: session.policy.digest.digest } }),
  }),
  PolicyRestart: handler<'PolicyRestart'>()({
    handles: ['policySession'],
    run: ({ crypto }, [{ session }]) => {
      session.policy = freshPolicy(crypto, session.hash);
      return ok({ response: {} });
    },
  }),
};
