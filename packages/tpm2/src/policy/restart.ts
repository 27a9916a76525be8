import type { Fault, Result } from '@sekimori/result';
import type { Tpm, TpmFault } from '../client/client.ts';
import type { PublicArea } from '../structures/public-area.ts';
import type { Session } from '../client/session.ts';

/** A decryption key whose public area the caller verified: sessions are salted to it. */
export interface SaltKey {
  readonly handle: number;
  readonly publicArea: PublicArea;
}

/** How often a policy session is started anew because some PCR changed under it. */
const POLICY_RESTARTS = 5;

/** Runs `work` in a policy session salted to `saltTo`; TPM_RC_PCR_CHANGED starts another one, five times at most. */
export async function restartingPolicy<T, F extends Fault>(
  tpm: Tpm,
  saltTo: SaltKey,
  work: (session: Session) => Promise<Result<T, F>>,
): Promise<Result<T, F | TpmFault | Fault<'invalid-key'>>> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await tpm.withSession({ type: 'policy', saltTo }, work);
    if (outcome.ok || attempt > POLICY_RESTARTS || !pcrChanged(outcome.fault)) return outcome;
  }
}

function pcrChanged(fault: Fault): boolean {
  return (fault as Partial<Extract<TpmFault, { readonly response: unknown }>>).response?.name === 'TPM_RC_PCR_CHANGED';
}
