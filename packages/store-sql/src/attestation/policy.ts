import { type Hashing, canonicalJson } from '@sekimori/audit-log';
import { fail, ok } from '@sekimori/result';
import { type AttestationPolicy, type BaselineRecord, type PolicyStore, pageLimit } from '@sekimori/store';
import type { Kysely } from 'kysely';
import type { Append } from '../audit.ts';
import type { Database } from '../database.ts';
import type { AttestationTables, BaselineRow } from '../tables.ts';
import { json, time } from './rows.ts';
import { sqlTpmRoots } from './tpm-roots.ts';

type Tables = Kysely<AttestationTables>;

export function sqlPolicy(
  crypto: Hashing,
  database: Database<AttestationTables>,
  append: Append<AttestationTables>,
): PolicyStore {
  return {
    attestationPolicy: () => database.read(policyIn),

    policyVersion: () =>
      database.read(async (tables) => {
        const state = tables.selectFrom('service_state').select('policy_version');
        return (await state.executeTakeFirstOrThrow()).policy_version;
      }),

    setAttestationPolicy: ({ settings, expectedVersion, audit }) =>
      database.write(async (tables) => {
        const { numUpdatedRows } = await tables
          .updateTable('service_state')
          .set({ policy_settings: canonicalJson(settings), policy_version: expectedVersion + 1 })
          .where('policy_version', '=', expectedVersion)
          .executeTakeFirstOrThrow();
        if (numUpdatedRows !== 1n) return fail('policy-changed', `another version is in force than ${expectedVersion}`);
        await append(tables, audit);
        return ok(await policyIn(tables));
      }),

    addBaseline: ({ baseline, audit }) =>
      database.write(async (tables) => {
        const same = tables.selectFrom('baseline').select('id').where('name', '=', baseline.name);
        if ((await same.where('retired_at', 'is', null).executeTakeFirst()) !== undefined)
          return fail('duplicate-name', 'a baseline in force has this name');
        const row: BaselineRow = {
          id: baseline.id,
          name: baseline.name,
          content: canonicalJson(baseline.content),
          added_by: baseline.addedBy,
          added_at: baseline.addedAt.getTime(),
          retired_at: null,
          retired_by: null,
        };
        await tables.insertInto('baseline').values(row).execute();
        await countPolicyChange(tables);
        await append(tables, audit);
        return ok(baselineOf(row));
      }),

    retireBaseline: ({ id, by, at, audit }) =>
      database.write(async (tables) => {
        const found = await tables.selectFrom('baseline').selectAll().where('id', '=', id).executeTakeFirst();
        if (found === undefined) return fail('unknown-baseline', 'no such baseline');
        if (found.retired_at !== null) return ok(baselineOf(found));
        const retired = { retired_at: at.getTime(), retired_by: by };
        await tables.updateTable('baseline').set(retired).where('id', '=', id).execute();
        await countPolicyChange(tables);
        await append(tables, audit);
        return ok(baselineOf({ ...found, ...retired }));
      }),

    baselines: ({ limit }) =>
      database.read(async (tables) => {
        const query = tables.selectFrom('baseline').selectAll().orderBy('name').orderBy('added_at');
        return (await query.limit(pageLimit(limit)).execute()).map(baselineOf);
      }),

    ...sqlTpmRoots(crypto, database, append),
  };
}

async function policyIn(tables: Tables): Promise<AttestationPolicy> {
  const state = await tables.selectFrom('service_state').selectAll().executeTakeFirstOrThrow();
  const inForce = tables.selectFrom('baseline').selectAll().where('retired_at', 'is', null).orderBy('name');
  return {
    version: state.policy_version,
    settings: state.policy_settings === null ? null : json(state.policy_settings),
    baselines: (await inForce.execute()).map(baselineOf),
  };
}

async function countPolicyChange(tables: Tables): Promise<void> {
  await tables
    .updateTable('service_state')
    .set((column) => ({ policy_version: column('policy_version', '+', 1) }))
    .execute();
}

function baselineOf(row: BaselineRow): BaselineRecord {
  return {
    id: row.id,
    name: row.name,
    content: json(row.content),
    addedBy: row.added_by,
    addedAt: new Date(row.added_at),
    retiredAt: time(row.retired_at),
    retiredBy: row.retired_by,
  };
}
