import { equal, u32be } from '@sekimori/bytes';
import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { MAX_SYM_DATA, TPM_GENERATED_VALUE } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { isHierarchy } from '../handles.ts';
import { INPUT_BUFFER } from '../machine.ts';
import { inParameter, RC, refuse } from '../response-codes.ts';
import { hashcheckTicket, NULL_HASHCHECK_TICKET } from '../tickets.ts';
import { timeInfoOf } from './attestation.ts';

/** The largest digest: what TPM2_GetRandom gives at most. */
const MAX_RANDOM = hashLength('sha512');

export const lifecycle = {
  Startup: handler<'Startup'>()({
    sessions: false,
    run: (machine, _handles, { startupType }) => {
      if (machine.started) return refuse(RC.initialize);
      return machine.startup(startupType) ? ok({ response: {} }) : inParameter(1, RC.value);
    },
  }),
  Shutdown: handler<'Shutdown'>()({
    run: (machine, _handles, { shutdownType }) => {
      machine.shutdown = shutdownType;
      return ok({ response: {} });
    },
  }),
  /** Part 3, 10.2. There is no hardware that could fail. */
  SelfTest: handler<'SelfTest'>()({ run: () => ok({ response: {} }) }),
  /** Part 3, 10.4. */
  GetTestResult: handler<'GetTestResult'>()({
    run: () => ok({ response: { outData: new Uint8Array(0), testResult: 0 } }),
  }),
  ReadClock: handler<'ReadClock'>()({
    run: (machine) => ok({ response: { currentTime: timeInfoOf(machine) } }),
  }),
  /** Part 3, 16.2. The provider's random numbers need no help. */
  StirRandom: handler<'StirRandom'>()({
    run: (_machine, _handles, { inData }) =>
      inData.length > MAX_SYM_DATA ? inParameter(1, RC.size) : ok({ response: {} }),
  }),
  /** Part 3, 15.4. */
  Hash: handler<'Hash'>()({
    run: (machine, _handles, { data, hashAlg, hierarchy }) => {
      if (data.length > INPUT_BUFFER) return inParameter(1, RC.size);
      if (!isHierarchy(hierarchy)) return inParameter(3, RC.value);
      const outHash = machine.crypto.hash(hashAlg, data);
      const isSafe = !equal(data.subarray(0, 4), u32be(TPM_GENERATED_VALUE));
      const ticket = isSafe ? hashcheckTicket(machine, hierarchy, hashAlg, outHash) : undefined;
      return ok({ response: { outHash, validation: ticket ?? NULL_HASHCHECK_TICKET } });
    },
  }),
  GetRandom: handler<'GetRandom'>()({
    run: (machine, _handles, { bytesRequested }) =>
      ok({ response: { randomBytes: machine.crypto.random(Math.min(bytesRequested, MAX_RANDOM)) } }),
  }),
};
