import type { ChallengeReply } from '@sekimori/protocol';
import { fail, ok, type Result } from '@sekimori/result';
import type { RefusalFault } from '@sekimori/service-kit';
import type { AttestationDeps } from '../deps.ts';
import { toBase64Url } from '../wire.ts';
import { issueChallenge } from './challenge.ts';

/** For active hosts only, so that a challenge says something; nothing is written. */
export const openChallenge =
  (deps: AttestationDeps) =>
  async (
    hostId: string,
  ): Promise<
    Result<ChallengeReply, RefusalFault<'unknown-host' | 'host-revoked' | 'host-not-approved' | 'host-not-active'>>
  > => {
    const host = await deps.store.host(hostId);
    if (!host) return fail('unknown-host', 'no host has this identifier');
    if (host.state === 'revoked') return fail('host-revoked', 'the host was revoked');
    if (host.state === 'pending') return fail('host-not-approved', 'an administrator has not approved the host');
    if (host.state !== 'active') return fail('host-not-active', 'the host has no attestation key yet');
    const { challengeSeconds, serviceId, pcrs } = deps.settings;
    const issuedAt = deps.clock.now();
    const expiresAt = new Date(issuedAt.getTime() + 1000 * challengeSeconds);
    const challenge = issueChallenge(deps.challengeKey, host.id, { issuedAt, expiresAt });
    return ok({
      challenge: toBase64Url(challenge.bytes),
      serviceId,
      bank: 'sha256',
      pcrs: [...pcrs],
      expiresAt: expiresAt.toISOString(),
    });
  };
