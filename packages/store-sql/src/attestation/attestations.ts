import { type Hashing, canonicalJson } from '@sekimori/audit-log';
import { toHex } from '@sekimori/bytes';
import { fail, ok } from '@sekimori/result';
import {
  type AttestationLog,
  CLOCK_GRACE_MILLIS,
  KEPT_VERDICTS,
  type QuotedPcr,
  type VerdictRecord,
  pageLimit,
  transitions,
} from '@sekimori/store';
import type { Kysely, Selectable } from 'kysely';
import type { Append } from '../audit.ts';
import type { Database } from '../database.ts';
import type { AttestationTables, VerdictColumns } from '../tables.ts';
import { countRevocation, hostBy, revokeCertificates, updateHost } from './host-rows.ts';
import { counterColumns, countersOf, json, time } from './rows.ts';

export function sqlAttestations(
  crypto: Hashing,
  database: Database<AttestationTables>,
  append: Append<AttestationTables>,
): AttestationLog {
  return {
    recordAttestation: (command) => {
      const { challengeHash, challengeExpiresAt, hostId, at, outcome, log } = command;
      const certificate = outcome.kind === 'good' ? outcome.certificate : null;
      const logDigest = toHex(crypto.hash('sha256', log));
      return database.write(async (tables) => {
        const next = transitions.attest(await hostBy(tables, 'id', hostId), command);
        if (!next.ok) return next;
        const { numInsertedOrUpdatedRows: used } = await tables
          .insertInto('used_challenge')
          .values({ hash: challengeHash, expires_at: challengeExpiresAt.getTime() })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirstOrThrow();
        if (used !== 1n) return fail('challenge-used', 'the challenge was used before');
        await tables
          .insertInto('boot_log')
          .values({ digest: logDigest, log })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        if (certificate)
          await tables
            .insertInto('certificate')
            .values({
              serial: certificate.serial,
              host_id: hostId,
              evidence_at: certificate.evidenceTime.getTime(),
              not_after: certificate.notAfter.getTime(),
              der: certificate.der,
              revoked: 0,
            })
            .execute();
        const { id: verdictId } = await tables
          .insertInto('verdict')
          .values({
            host_id: hostId,
            at: at.getTime(),
            outcome: certificate ? 'good' : 'refused',
            certificate_serial: certificate?.serial ?? null,
            verdict: canonicalJson(command.verdict),
            pcrs: canonicalJson(command.pcrs.map(({ index, value }) => ({ index, value }))),
            ...counterColumns(command.counters),
            log_digest: logDigest,
            challenge_hash: challengeHash,
          })
          .returning('id')
          .executeTakeFirstOrThrow();
        await trimVerdicts(tables, hostId);
        await updateHost(tables, next.value);
        const revoked = outcome.kind !== 'refused' ? [] : await revokeCertificates(tables, hostId, at);
        if (revoked.length > 0) await countRevocation(tables);
        await append(tables, ...command.audit);
        return ok({ verdictId, revoked });
      });
    },

    isChallengeUsed: (challengeHash) =>
      database.read(async (tables) => {
        const found = tables.selectFrom('used_challenge').select('hash').where('hash', '=', challengeHash);
        return (await found.executeTakeFirst()) !== undefined;
      }),

    verdicts: (hostId, limit) =>
      database.read(async (tables) => {
        const rows = await tables
          .selectFrom('verdict')
          .selectAll()
          .where('host_id', '=', hostId)
          .orderBy('id', 'desc')
          .limit(pageLimit(limit))
          .execute();
        return rows.map(verdictOf);
      }),

    evidence: (logDigest) =>
      database.read(async (tables) => {
        const row = await tables
          .selectFrom('boot_log')
          .select('log')
          .where('digest', '=', logDigest)
          .executeTakeFirst();
        return row?.log;
      }),

    certificateStatus: (serial) =>
      database.read(async (tables) => {
        const query = tables.selectFrom('certificate').select('revoked').where('serial', '=', serial);
        const row = await query.executeTakeFirst();
        if (row === undefined) return 'unknown';
        return row.revoked === 0 ? 'good' : 'revoked';
      }),

    revocations: (at) =>
      database.read(async (tables) => {
        const state = await tables.selectFrom('service_state').selectAll().executeTakeFirstOrThrow();
        // Two queries, each by an index: most hosts are neither.
        const revoked = await tables.selectFrom('host').select('id').where('state', '=', 'revoked').execute();
        const denials = await tables
          .selectFrom('denial')
          .select(['host_id', 'before'])
          .where('until', '>', at.getTime() - CLOCK_GRACE_MILLIS)
          .execute();
        const hosts = new Map<string, Date | null>(denials.map((row) => [row.host_id, new Date(row.before)]));
        for (const { id } of revoked) hosts.set(id, null);
        return {
          number: state.revocation_number,
          hosts: [...hosts].map(([id, before]) => ({ id, before })).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
          denyIssuedBefore: time(state.deny_issued_before),
        };
      }),

    denyIssuedBefore: ({ before, audit }) =>
      database.write(async (tables) => {
        const state = await tables.selectFrom('service_state').selectAll().executeTakeFirstOrThrow();
        const present = time(state.deny_issued_before);
        if (present !== null && before < present)
          return fail('went-back', `certificates before ${present.toISOString()} are denied already`);
        await tables.updateTable('service_state').set({ deny_issued_before: before.getTime() }).execute();
        await countRevocation(tables);
        await append(tables, audit);
        return ok(before);
      }),

    pruneChallenges: ({ at, limit }) =>
      database.write(async (tables) => {
        const old = tables
          .selectFrom('used_challenge')
          .select('hash')
          .where('expires_at', '<', at.getTime() - CLOCK_GRACE_MILLIS)
          .limit(pageLimit(limit));
        const { numDeletedRows } = await tables
          .deleteFrom('used_challenge')
          .where('hash', 'in', old)
          .executeTakeFirstOrThrow();
        return Number(numDeletedRows);
      }),

    pruneCertificates: ({ at, limit }) =>
      database.write(async (tables) => {
        const old = tables
          .selectFrom('certificate')
          .select('serial')
          .where('not_after', '<=', at.getTime() - CLOCK_GRACE_MILLIS)
          .limit(pageLimit(limit));
        const { numDeletedRows } = await tables
          .deleteFrom('certificate')
          .where('serial', 'in', old)
          .executeTakeFirstOrThrow();
        return Number(numDeletedRows);
      }),
  };
}

/** Keeps the newest of the host, and the logs that somebody's are about. */
async function trimVerdicts(tables: Kysely<AttestationTables>, hostId: string): Promise<void> {
  const verdicts = tables.selectFrom('verdict');
  const newest = verdicts.select('id').where('host_id', '=', hostId).orderBy('id', 'desc').limit(KEPT_VERDICTS);
  const old = await tables
    .deleteFrom('verdict')
    .where('host_id', '=', hostId)
    .where('id', 'not in', newest)
    .returning('log_digest')
    .execute();
  if (old.length === 0) return;
  const digests = old.map((row) => row.log_digest);
  await tables
    .deleteFrom('boot_log')
    .where('digest', 'in', digests)
    .where('digest', 'not in', verdicts.select('log_digest').where('log_digest', 'in', digests))
    .execute();
}

function verdictOf(row: Selectable<VerdictColumns>): VerdictRecord {
  return {
    id: row.id,
    hostId: row.host_id,
    at: new Date(row.at),
    outcome: row.outcome,
    certificateSerial: row.certificate_serial,
    verdict: json(row.verdict),
    pcrs: JSON.parse(row.pcrs) as QuotedPcr[],
    counters: countersOf(row),
    logDigest: row.log_digest,
    challengeHash: row.challenge_hash,
  };
}
