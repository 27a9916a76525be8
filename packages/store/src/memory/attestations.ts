import type { Hashing } from '@sekimori/audit-log';
import { toHex } from '@sekimori/bytes';
import { fail, ok } from '@sekimori/result';
import { type AttestationLog, CLOCK_GRACE_MILLIS } from '../attestations.ts';
import { pageLimit } from '../paging.ts';
import { attest } from '../transitions.ts';
import type { Append } from './audit.ts';
import { type State, kept, lives, revokeCertificates } from './state.ts';

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
      const verdictId = state.verdicts.length + 1;
      const { pcrs, counters } = structuredClone(command);
      state.verdicts.push({
        id: verdictId,
        outcome: outcome.kind,
        certificateSerial: certificate?.serial ?? null,
        hostId,
        at,
        verdict,
        pcrs,
        counters,
        logDigest,
        challengeHash,
      });
      state.hosts.set(hostId, structuredClone(next.value));
      if (certificate) {
        state.certificates.set(certificate.serial, { ...certificate, hostId, revoked: false });
        return ok({ verdictId, revoked: [] });
      }
      const revoked = revokeCertificates(state, hostId, at);
      if (revoked.length > 0) state.revocationNumber++;
      return ok({ verdictId, revoked });
    },
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
      serials: [...state.certificates.values()]
        .filter((certificate) => certificate.revoked && lives(certificate, at))
        .map((certificate) => certificate.serial)
        .toSorted(),
      hosts: [...state.hosts.values()]
        .filter((host) => host.state === 'revoked')
        .map((host) => host.id)
        .toSorted(),
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
  };
}
