import { hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { handler } from '../handler.ts';
import { inParameter, RC, refuse } from '../response-codes.ts';

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
  GetRandom: handler<'GetRandom'>()({
    run: (machine, _handles, { bytesRequested }) =>
      ok({ response: { randomBytes: machine.crypto.random(Math.min(bytesRequested, MAX_RANDOM)) } }),
  }),
};
