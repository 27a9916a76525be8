import { CLOCK_GRACE_MILLIS, type EndorsementKey, type HostRecord, transitions } from '@sekimori/store';
import type { Kysely } from 'kysely';
import type { AttestationTables, EndorsementKeyRow, HostRow } from '../tables.ts';
import { hostOf, hostRow } from './rows.ts';

type Tables = Kysely<AttestationTables>;

/** By name: the one that it is bound to. */
export async function hostBy(tables: Tables, column: 'id' | 'name', value: string): Promise<HostRecord | undefined> {
  const named = tables.selectFrom('host').selectAll().where(column, '=', value);
  const row = await (column === 'id'
    ? named
    : named.where('approved_at', 'is not', null).where('removed_at', 'is', null)
  ).executeTakeFirst();
  return row && (await withKeys(tables, [row]))[0];
}

/** The hosts of these rows, in their order. */
export async function withKeys(tables: Tables, rows: readonly HostRow[]): Promise<HostRecord[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const keys = await tables
    .selectFrom('endorsement_key')
    .selectAll()
    .where('host_id', 'in', ids)
    .orderBy('position')
    .execute();
  const keysOf = Map.groupBy(keys, (key: EndorsementKeyRow) => key.host_id);
  return rows.map((row) => hostOf(row, keysOf.get(row.id) ?? []));
}

/** The hosts that one of the keys is bound to. */
export async function holdersOf(tables: Tables, keys: readonly EndorsementKey[]): Promise<HostRecord[]> {
  if (keys.length === 0) return [];
  const hashes = keys.map((key) => key.spkiHash);
  const holders = tables.selectFrom('endorsement_key').select('host_id').where('spki_hash', 'in', hashes);
  const rows = tables
    .selectFrom('host')
    .selectAll()
    .where('id', 'in', holders.where('bound', '=', 1));
  return withKeys(tables, await rows.execute());
}

/** Binds what is this host's alone, and forgets those who wait with such a key. */
export async function bind(tables: Tables, host: HostRecord): Promise<void> {
  const hashes = await setBound(tables, host);
  const others = tables.selectFrom('endorsement_key').select('host_id').where('spki_hash', 'in', hashes);
  const waiting = tables.selectFrom('host').select('id').where('state', '=', 'pending').where('id', 'in', others);
  await forget(tables, await waiting.execute());
}

export async function setBound(tables: Tables, host: HostRecord): Promise<readonly string[]> {
  const hashes = transitions.boundKeys(host).map((key) => key.spkiHash);
  const own = tables.updateTable('endorsement_key').where('host_id', '=', host.id);
  await own.set({ bound: 0 }).execute();
  if (hashes.length > 0) await own.set({ bound: 1 }).where('spki_hash', 'in', hashes).execute();
  return hashes;
}

/** Hosts that wait have nothing but their keys. */
export async function forget(tables: Tables, hosts: readonly { readonly id: string }[]): Promise<void> {
  if (hosts.length === 0) return;
  const ids = hosts.map(({ id }) => id);
  await tables.deleteFrom('endorsement_key').where('host_id', 'in', ids).execute();
  await tables.deleteFrom('host').where('id', 'in', ids).where('state', '=', 'pending').execute();
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
    .returning(['serial', 'evidence_at', 'not_after'])
    .execute();
  if (rows.length > 0) await deny(tables, hostId, at, rows);
  return rows.map(({ serial }) => serial).toSorted();
}

async function deny(
  tables: Tables,
  hostId: string,
  at: Date,
  rows: readonly { readonly evidence_at: number; readonly not_after: number }[],
): Promise<void> {
  const found = await tables.selectFrom('denial').selectAll().where('host_id', '=', hostId).executeTakeFirst();
  const certificates = rows.map((row) => ({
    evidenceTime: new Date(row.evidence_at),
    notAfter: new Date(row.not_after),
  }));
  const previous = found && { before: new Date(found.before), until: new Date(found.until) };
  const next = transitions.denial(at, certificates, previous);
  const columns = { before: next.before.getTime(), until: next.until.getTime() };
  await tables
    .insertInto('denial')
    .values({ host_id: hostId, ...columns })
    .onConflict((conflict) => conflict.column('host_id').doUpdateSet(columns))
    .execute();
}

export async function countRevocation(tables: Tables): Promise<void> {
  await tables
    .updateTable('service_state')
    .set((column) => ({ revocation_number: column('revocation_number', '+', 1) }))
    .execute();
}
