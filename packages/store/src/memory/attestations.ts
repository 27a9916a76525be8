import type { Hashing } from '@sekimori/audit-log';
import { toHex } from '@sekimori/bytes';
import { fail, ok } from '@sekimori/result';
import { type AttestationLog, CLOCK_GRACE_MILLIS, KEPT_VERDICTS, type RevokedHost } from '../attestations.ts';
import { pageLimit } from '../paging.ts';
import { attest } from '../transitions.ts';
import type { Append } from './audit.ts';
import { type State, byText, kept, lives, revokeCertificates } from './state.ts';

export function memoryAttestations(crypto: Hashing, state: State, append: Append): AttestationLog {
  return {
    recordAttestation: async (command) => {
      const { challengeHash, challengeExpiresAt, hostId, at, outcome, log } = command;
      const next = attest(state.hosts.get(hostId), command);
      if (!next.ok) return next;
      if (state.challenges.has(challengeHash)) return fail('challenge-used', 'the challenge was used before');
      const certificate = outcome.kind === 'good' ? structuredClone(outcome.certificate) : undefined;
      if (certificate && state.certificates.has(certificate.serial)) throw new Error('a serial is taken');
      const verdict = kept(command.verdict);
      append(...command.audit);
      state.challenges.set(challengeHash, challengeExpiresAt);
      const logDigest = toHex(crypto.hash('sha256', log));
      if (!state.logs.has(logDigest)) state.logs.set(logDigest, structuredClone(log));
      const verdictId = (state.verdicts.at(-1)?.id ?? 0) + 1;
      const { pcrs, counters } = structuredClone(command);
      state.verdicts.push({
        id: verdictId,
        outcome: outcome.kind === 'good' ? 'good' : 'refused',
        certificateSerial: certificate?.serial ?? null,
        hostId,
        at,
        verdict,
        pcrs,
        counters,
        logDigest,
        challengeHash,
      });
      trimVerdicts(state, hostId);
      state.hosts.set(hostId, structuredClone(next.value));
      if (certificate) {
        state.certificates.set(certificate.serial, { ...certificate, hostId, revoked: false });
        return ok({ verdictId, revoked: [] });
      }
      const revoked = outcome.kind === 'late' ? [] : revokeCertificates(state, hostId, at);
      if (revoked.length > 0) state.revocationNumber++;
      return ok({ verdictId, revoked });
    },
    isChallengeUsed: async (challengeHash) => state.challenges.has(challengeHash),
    verdicts: async (hostId, limit) =>
      structuredClone(
        state.verdicts
          .filter((verdict) => verdict.hostId === hostId)
          .toReversed()
          .slice(0, pageLimit(limit)),
      ),
    evidence: async (logDigest) => structuredClone(state.logs.get(logDigest)),
    certificateStatus: async (serial) => {
      const certificate = state.certificates.get(serial);
      if (certificate === undefined) return 'unknown';
      return certificate.revoked ? 'revoked' : 'good';
    },
    revocations: async (at) => ({
      number: state.revocationNumber,
      hosts: [...state.hosts.values()]
        .flatMap((host): RevokedHost[] => {
          if (host.state === 'revoked') return [{ id: host.id, before: null }];
          const denied = state.denials.get(host.id);
          return denied && lives(denied.until, at) ? [{ id: host.id, before: structuredClone(denied.before) }] : [];
        })
        .toSorted(byText(({ id }) => id)),
      denyIssuedBefore: structuredClone(state.denyIssuedBefore),
    }),
    denyIssuedBefore: async ({ before, audit }) => {
      if (state.denyIssuedBefore !== null && before < state.denyIssuedBefore)
        return fail('went-back', `certificates before ${state.denyIssuedBefore.toISOString()} are denied already`);
      append(audit);
      state.denyIssuedBefore = structuredClone(before);
      state.revocationNumber++;
      return ok(structuredClone(before));
    },
    pruneChallenges: async ({ at, limit }) => {
      const old = [...state.challenges]
        .filter(([, expiresAt]) => expiresAt.getTime() + CLOCK_GRACE_MILLIS < at.getTime())
        .slice(0, pageLimit(limit));
      for (const [hash] of old) state.challenges.delete(hash);
      return old.length;
    },
    pruneCertificates: async ({ at, limit }) => {
      const old = [...state.certificates.values()]
        .filter(({ notAfter }) => !lives(notAfter, at))
        .slice(0, pageLimit(limit));
      for (const { serial } of old) state.certificates.delete(serial);
      return old.length;
    },
  };
}

/** Keeps the newest of the host, and the logs that somebody's are about. */
function trimVerdicts(state: State, hostId: string): void {
  const old = new Set(state.verdicts.filter((verdict) => verdict.hostId === hostId).slice(0, -KEPT_VERDICTS));
  if (old.size === 0) return;
  state.verdicts.splice(0, Infinity, ...state.verdicts.filter((verdict) => !old.has(verdict)));
  const needed = new Set(state.verdicts.map(({ logDigest }) => logDigest));
  for (const { logDigest } of old) if (!needed.has(logDigest)) state.logs.delete(logDigest);
}
