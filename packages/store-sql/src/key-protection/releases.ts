import { type JsonValue, canonicalJson } from '@sekimori/audit-log';
import { fail, ok } from '@sekimori/result';
import { type KeyProtectionStore, type ReleaseRecord, pageLimit } from '@sekimori/store';
import type { Selectable } from 'kysely';
import type { Append } from '../audit.ts';
import type { Database } from '../database.ts';
import type { KeyProtectionTables, ReleaseColumns } from '../tables.ts';

type Releases = Pick<
  KeyProtectionStore,
  'recordRelease' | 'countReleases' | 'releases' | 'seenRevocationNumber' | 'seeRevocationNumber'
>;

export function sqlReleases(database: Database<KeyProtectionTables>, append: Append<KeyProtectionTables>): Releases {
  return {
    recordRelease: ({ release, audit }) =>
      database.write(async (tables) => {
        const row = await tables
          .insertInto('release')
          .values({
            id: release.id,
            at: release.at.getTime(),
            host_id: release.hostId,
            certificate_serial: release.certificateSerial,
            guardian_fingerprint: release.guardianFingerprint,
            ingress_digest: release.ingressDigest,
            egress_digest: release.egressDigest,
            details: canonicalJson(release.details),
          })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return fail('duplicate-release', 'this release is recorded');
        await append(tables, audit);
        return ok(releaseOf(row));
      }),

    countReleases: () =>
      database.read(async (tables) => {
        const counted = tables.selectFrom('release').select(({ fn }) => fn.countAll<number | string>().as('count'));
        return Number((await counted.executeTakeFirst())?.count ?? 0);
      }),
    releases: ({ after, limit }) =>
      database.read(async (tables) => {
        const query = tables.selectFrom('release').selectAll().where('sequence', '>', after).orderBy('sequence');
        return (await query.limit(pageLimit(limit)).execute()).map(releaseOf);
      }),

    seenRevocationNumber: (issuer) =>
      database.read(async (tables) => {
        const query = tables.selectFrom('seen_revocation').select('number').where('issuer', '=', issuer);
        return (await query.executeTakeFirst())?.number ?? 0;
      }),

    seeRevocationNumber: (issuer, number) =>
      database.write(async (tables) => {
        const row = await tables
          .insertInto('seen_revocation')
          .values({ issuer, number })
          .onConflict((conflict) =>
            conflict.column('issuer').doUpdateSet({ number }).where('seen_revocation.number', '<=', number),
          )
          .returning('number')
          .executeTakeFirst();
        return row ? ok(number) : fail('went-back', `a higher number than ${number} was seen`);
      }),
  };
}

function releaseOf(row: Selectable<ReleaseColumns>): ReleaseRecord {
  return {
    sequence: row.sequence,
    id: row.id,
    at: new Date(row.at),
    hostId: row.host_id,
    certificateSerial: row.certificate_serial,
    guardianFingerprint: row.guardian_fingerprint,
    ingressDigest: row.ingress_digest,
    egressDigest: row.egress_digest,
    details: JSON.parse(row.details) as JsonValue,
  };
}
