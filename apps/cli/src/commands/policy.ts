import { attestationRoutes as routes, type PolicyShape, type RetireReply } from '@sekimori/protocol';
import { ok } from '@sekimori/result';
import { type Answer, type Context, misuse } from '../outcome.ts';
import { fields, shortTime } from '../output/text.ts';
import { answered, withServices } from './services.ts';

export interface SetPolicyOptions {
  readonly secureBoot: 'required' | 'not-required';
  readonly insecureSecureBootNotRequired?: boolean;
  readonly applyNow?: boolean;
}

export function showPolicy({ data }: Context): Answer {
  return withServices(data, async ({ attestation }) => {
    const policy = answered(await attestation.call(routes.showPolicy));
    return policy.ok ? ok({ json: policy.value, text: describePolicy(policy.value) }) : policy;
  });
}

/** For the version that is in force as it begins: of two administrators at once, one is refused. */
export function setPolicy({ data }: Context, options: SetPolicyOptions): Answer {
  const { secureBoot, insecureSecureBootNotRequired = false, applyNow = false } = options;
  return withServices(data, async ({ attestation }) => {
    if (secureBoot === 'not-required' && !insecureSecureBootNotRequired)
      return misuse(
        'hosts without Secure Boot would be trusted',
        'if that is meant, add --insecure-secure-boot-not-required',
      );
    const present = answered(await attestation.call(routes.showPolicy));
    if (!present.ok) return present;
    const set = answered(
      await attestation.call(routes.setPolicy, {
        body: { expectedVersion: present.value.version, secureBoot, insecureSecureBootNotRequired, applyNow },
      }),
    );
    if (!set.ok) return set;
    return ok({ json: set.value, text: `${describePolicy(set.value)}\n${endingOf(set.value)}` });
  });
}

export function applyPolicyNow({ data }: Context): Answer {
  return withServices(data, async ({ attestation }) => {
    const applied = answered(await attestation.call(routes.applyPolicyNow));
    return applied.ok ? ok({ json: applied.value, text: atOnce(applied.value.denyIssuedBefore) }) : applied;
  });
}

function describePolicy(policy: PolicyShape): string {
  return fields([
    ['Version', policy.version],
    ['Secure Boot', policy.secureBoot === 'required' ? 'required' : 'not required (insecure)'],
    ['Full boot', 'required'],
    ['Digest', policy.digest],
    ['Denied before', policy.denyIssuedBefore && shortTime(policy.denyIssuedBefore)],
  ]);
}

/** What ends when, after something was tightened. */
export function endingOf({
  certificatesUntil,
  denyIssuedBefore,
}: Pick<RetireReply, 'certificatesUntil' | 'denyIssuedBefore'>): string {
  if (denyIssuedBefore !== undefined) return atOnce(denyIssuedBefore);
  return [
    `certificates that hosts hold already stay good until they end, the last by ${shortTime(certificatesUntil)} UTC`,
    "to end them at once: 'sekimori policy apply-now'; every host must then attest again",
  ].join('\n');
}

function atOnce(before: string): string {
  return [
    `every host must attest again: certificates over evidence from before ${shortTime(before)} UTC`,
    'are refused within seconds; keys that were released before stay with the hosts',
  ].join('\n');
}
