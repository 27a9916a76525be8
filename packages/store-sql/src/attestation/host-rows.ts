import { CLOCK_GRACE_MILLIS, type HostRecord } from '@sekimori/store';
import type { Kysely } from 'kysely';
import type { AttestationTables } from '../tables.ts';
import { hostOf, hostRow } from './rows.ts';

type Tables = Kysely<AttestationTables>;

export async function hostBy(tables: Tables, column: 'id' | 'name', value: string): Promise<HostRecord | undefined> {
  const row = await tables.selectFrom('host').selectAll().where(column, '=', value).executeTakeFirst();
  if (row === undefined) return undefined;
  const keys = tables.selectFrom('endorsement_key').selectAll().where('host_id', '=', row.id).orderBy('position');
  return hostOf(row, await keys.execute());
}

/** Writes all that may change. An attestation key that is set stays: the statement itself sees to it. */
export async function updateHost(tables: Tables, host: HostRecord): Promise<void> {
  const { id, name: _, enrolled_at: __, properties: ___, ...changing } = hostRow(host);
  const { numUpdatedRows } = await tables
    .updateTable('host')
    .set(changing)
    .where('id', '=', id)
    .where((is) => is.or([is('ak_name', 'is', null), is('ak_name', '=', changing.ak_name)]))
    .executeTakeFirstOrThrow();
  if (numUpdatedRows !== 1n) throw new Error(`host ${id} has another attestation key`);
}

/** Revokes what of the host still lives; gives the serials. */
export async function revokeCertificates(tables: Tables, hostId: string, at: Date): Promise<string[]> {
  const rows = await tables
    .updateTable('certificate')
    .set({ revoked: 1 })
    .where('host_id', '=', hostId)
    .where('revoked', '=', 0)
    .where('not_after', '>', at.getTime() - CLOCK_GRACE_MILLIS)
    .returning('serial')
    .execute();
  return rows.map(({ serial }) => serial).toSorted();
}

export async function countRevocation(tables: Tables): Promise<void> {
  await tables
    .updateTable('service_state')
    .set((column) => ({ revocation_number: column('revocation_number', '+', 1) }))
    .execute();
}
