import { concat, equal, u32be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { COMMANDS, pcrDigestOf, TPML_PCR_SELECTION } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { emptyPolicy, extendPolicy } from '../policy-digest.ts';
import { inParameter, RC, refuse } from '../response-codes.ts';
import { freshPolicy } from '../sessions.ts';

/** Localities from here on are numbers, those below are bits. Part 2, 8.5. */
const FIRST_EXTENDED_LOCALITY = 32;

/** Part 3, 23: what a policy asks of the moment and of the command. A trial session computes the digest and checks nothing. */
export const policy = {
  PolicyPCR: handler<'PolicyPCR'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { pcrDigest, pcrs }) => {
      const { selection, values } = machine.pcrs.select(pcrs);
      const current = pcrDigestOf(machine.crypto, session.hash, values);
      let digest = pcrDigest.length === 0 ? current : pcrDigest;
      if (session.type !== 'trial') {
        if (!equal(digest, current)) return inParameter(1, RC.value);
        const state = session.policy;
        const counter = machine.pcrs.updateCounter;
        if (state.pcrCounter !== undefined && state.pcrCounter !== counter) return refuse(RC.pcrChanged);
        state.pcrCounter = counter;
        digest = current;
      }
      extendPolicy(machine, session, 'PolicyPCR', encode(TPML_PCR_SELECTION, selection), digest);
      return ok({ response: {} });
    },
  }),
  PolicyOR: handler<'PolicyOR'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { pHashList }) => {
      if (pHashList.length < 2) return inParameter(1, RC.value);
      const isBranch = pHashList.some((branch) => equal(branch, session.policy.digest));
      if (session.type !== 'trial' && !isBranch) return inParameter(1, RC.value);
      session.policy.digest = emptyPolicy(session.hash);
      extendPolicy(machine, session, 'PolicyOR', ...pHashList);
      return ok({ response: {} });
    },
  }),
  PolicyCommandCode: handler<'PolicyCommandCode'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { code }) => {
      const state = session.policy;
      if (state.commandCode !== undefined && state.commandCode !== code) return inParameter(1, RC.value);
      state.commandCode = code;
      extendPolicy(machine, session, 'PolicyCommandCode', u32be(code));
      return ok({ response: {} });
    },
  }),
  PolicyCpHash: handler<'PolicyCpHash'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { cpHashA }) => {
      if (cpHashA.length !== hashLength(session.hash)) return inParameter(1, RC.size);
      const { boundTo } = session.policy;
      if (boundTo && (boundTo.what !== 'command' || !equal(boundTo.hash, cpHashA))) return refuse(RC.cpHash);
      session.policy.boundTo = { what: 'command', hash: cpHashA };
      extendPolicy(machine, session, 'PolicyCpHash', cpHashA);
      return ok({ response: {} });
    },
  }),
  PolicyDuplicationSelect: handler<'PolicyDuplicationSelect'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { objectName, newParentName, includeObject }) => {
      const state = session.policy;
      const { code } = COMMANDS.Duplicate;
      if (state.boundTo) return refuse(RC.cpHash);
      if (state.commandCode !== undefined && state.commandCode !== code) return refuse(RC.commandCode);
      const hash = machine.crypto.hash(session.hash, concat(objectName, newParentName));
      state.boundTo = { what: 'names', hash };
      state.commandCode = code;
      const object = includeObject ? objectName : new Uint8Array(0);
      const flag = Uint8Array.of(includeObject ? 1 : 0);
      extendPolicy(machine, session, 'PolicyDuplicationSelect', object, newParentName, flag);
      return ok({ response: {} });
    },
  }),
  PolicyLocality: handler<'PolicyLocality'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { locality }) => {
      const before = session.policy.locality;
      const isExtended = locality >= FIRST_EXTENDED_LOCALITY;
      if (locality === 0) return inParameter(1, RC.range);
      let both = locality;
      if (before !== undefined) {
        if (before >= FIRST_EXTENDED_LOCALITY !== isExtended) return inParameter(1, RC.range);
        if (isExtended && before !== locality) return inParameter(1, RC.range);
        both = isExtended ? locality : before & locality;
        if (both === 0) return inParameter(1, RC.range);
      }
      session.policy.locality = both;
      extendPolicy(machine, session, 'PolicyLocality', Uint8Array.of(locality));
      return ok({ response: {} });
    },
  }),
  PolicyNvWritten: handler<'PolicyNvWritten'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { writtenSet }) => {
      const { nvWritten } = session.policy;
      if (nvWritten !== undefined && nvWritten !== writtenSet) return inParameter(1, RC.value);
      session.policy.nvWritten = writtenSet;
      extendPolicy(machine, session, 'PolicyNvWritten', Uint8Array.of(writtenSet ? 1 : 0));
      return ok({ response: {} });
    },
  }),
  PolicyAuthValue: handler<'PolicyAuthValue'>()({
    handles: ['policySession'],
    run: (machine, [{ session }]) => {
      session.policy.shows = 'authValue';
      extendPolicy(machine, session, 'PolicyAuthValue');
      return ok({ response: {} });
    },
  }),
  PolicyPassword: handler<'PolicyPassword'>()({
    handles: ['policySession'],
    run: (machine, [{ session }]) => {
      session.policy.shows = 'password';
      // the same digest: one policy allows either
      extendPolicy(machine, session, 'PolicyAuthValue');
      return ok({ response: {} });
    },
  }),
  PolicyGetDigest: handler<'PolicyGetDigest'>()({
    handles: ['policySession'],
    run: (_machine, [{ session }]) => ok({ response: { policyDigest: session.policy.digest } }),
  }),
  PolicyRestart: handler<'PolicyRestart'>()({
    handles: ['policySession'],
    run: (_machine, [{ session }]) => {
      session.policy = freshPolicy(session.hash);
      return ok({ response: {} });
    },
  }),
};
