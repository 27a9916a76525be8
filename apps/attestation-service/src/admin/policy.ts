import { policyDigest } from '@sekimori/policy';
import type { PolicyShape, SetPolicyReply } from '@sekimori/protocol';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { policyInForce } from '../attest/reference.ts';
import type { AttestationDeps } from '../deps.ts';
import type { Act } from './hosts.ts';
import { denyIssuedUntilNow, outstanding } from './outstanding.ts';

export const showPolicy = (deps: AttestationDeps) => async (): Promise<PolicyShape> => {
  const { policy } = await policyInForce(deps);
  const { denyIssuedBefore } = await deps.store.revocations(deps.clock.now());
  return {
    version: policy.version,
    digest: policyDigest(deps.crypto, policy),
    secureBoot: policy.secureBoot,
    fullBoot: policy.fullBoot,
    ...(denyIssuedBefore && { denyIssuedBefore: denyIssuedBefore.toISOString() }),
  };
};

/**
 * For hosts from their next attestation on; `applyNow` ends what was certified before. `policy-weakened`: less is asked for, and
 * the field that says so is not set. `policy-changed`: somebody else was first.
 */
export const setPolicy =
  (deps: AttestationDeps) =>
  async (
    request: {
      readonly expectedVersion: number;
      readonly secureBoot: 'required' | 'not-required';
      readonly insecureSecureBootNotRequired?: boolean;
      readonly applyNow?: boolean;
    },
    act: Act,
  ): Promise<Result<SetPolicyReply, Fault<'policy-changed' | 'policy-weakened'>>> => {
    const { secureBoot, expectedVersion } = request;
    if (secureBoot !== 'required' && request.insecureSecureBootNotRequired !== true)
      return fail('policy-weakened', 'insecureSecureBootNotRequired is not set');
    const at = deps.clock.now();
    const settings = { secureBoot, fullBoot: true };
    const audit = { at, kind: 'policy.set', ...act, subject: 'policy', body: settings };
    const set = await deps.store.setAttestationPolicy({ settings, expectedVersion, audit });
    if (!set.ok) return set;
    const ending = await outstanding(deps, request.applyNow === true, 'the policy was set', act);
    return ok({ ...(await showPolicy(deps)()), ...ending });
  };

/** Every host must attest again: certificates over evidence from before are refused wherever revocations are heard. */
export const applyPolicyNow =
  (deps: AttestationDeps) =>
  async (act: Act): Promise<{ readonly denyIssuedBefore: string }> => ({
    denyIssuedBefore: (await denyIssuedUntilNow(deps, 'asked for', act)).toISOString(),
  });
