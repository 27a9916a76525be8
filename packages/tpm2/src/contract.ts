import { describe } from 'vitest';
import { attestationContract } from './contract/attestation.ts';
import { basicsContract } from './contract/basics.ts';
import { boundSessionsContract } from './contract/bound-sessions.ts';
import { tpmBench, type TpmUnderTest } from './contract/bench.ts';
import { completenessContract } from './contract/completeness.ts';
import { contextsContract } from './contract/contexts.ts';
import { duplicationContract } from './contract/duplication.ts';
import { keysContract } from './contract/keys.ts';
import { nvContract } from './contract/nv.ts';
import { policiesContract } from './contract/policies.ts';
import { policyAuthorityContract } from './contract/policy-authority.ts';
import { policyNvContract } from './contract/policy-nv.ts';
import { clearContract, ownerContract } from './contract/owner.ts';
import { policyStepsContract } from './contract/policy-steps.ts';
import { sealingContract } from './contract/sealing.ts';
import { sessionsContract } from './contract/sessions.ts';

export type { TpmUnderTest } from './contract/bench.ts';

/**
 * What every TPM must do for this client, whether it is hardware, swtpm or ours. A resource manager in between answers
 * commands for unknown handles itself, in its own words.
 */
export function tpmContract(
  name: string,
  open: () => Promise<TpmUnderTest>,
  options: { readonly resourceManager?: true } = {},
): void {
  describe(`TPM: ${name}`, () => {
    const bench = tpmBench(open);
    basicsContract(bench, options);
    attestationContract(bench);
    sessionsContract(bench);
    sealingContract(bench);
    ownerContract(bench);
    keysContract(bench);
    nvContract(bench);
    policiesContract(bench);
    policyAuthorityContract(bench);
    policyNvContract(bench);
    duplicationContract(bench);
    policyStepsContract(bench);
    boundSessionsContract(bench);
    describe.skipIf(options.resourceManager)('contexts, which a resource manager keeps for itself', () => {
      contextsContract(bench);
    });
    clearContract(bench);
    completenessContract(bench, options);
  });
}
