import { fail, ok } from '@sekimori/result';
import { type HostStore, pageLimit, PENDING_PER_KEY, transitions } from '@sekimori/store';
import type { Kysely, SelectQueryBuilder } from 'kysely';
import type { Append } from '../audit.ts';
import type { Database } from '../database.ts';
import type { AttestationTables } from '../tables.ts';
import { bind, countRevocation, forget, holdersOf, hostBy, revokeCertificates, setBound } from './host-rows.ts';
import { updateHost, withKeys } from './host-rows.ts';
import { hostRow, keyRows } from './rows.ts';

export function sqlHosts(database: Database<AttestationTables>, append: Append<AttestationTables>): HostStore {
  return {
    enrolHost: (command) =>
      database.write(async (tables) => {
        const { name, endorsementKeys } = command.host;
        const pending = tables.selectFrom('host').where('state', '=', 'pending');
        const next = transitions.enrol(command.host, {
          holders: await holdersOf(tables, endorsementKeys),
          named: await hostBy(tables, 'name', name),
          waiting: await withKeys(tables, await pending.where('name', '=', name).selectAll().execute()),
        });
        if (!next.ok) return next;
        const { host, isNew } = next.value;
        if (!isNew) return ok(host);
        const firstKeys = tables.selectFrom('endorsement_key').select('host_id').where('position', '=', 0);
        const sameKey = firstKeys.where('spki_hash', '=', host.ekFingerprint);
        await makeRoom(tables, pending.where('id', 'in', sameKey), PENDING_PER_KEY);
        await makeRoom(tables, pending, command.maxPending);
        await tables.insertInto('host').values(hostRow(host)).execute();
        await tables.insertInto('endorsement_key').values(keyRows(host)).execute();
        return ok(host);
      }),

    approveHost: (command) =>
      database.write(async (tables) => {
        const host = await hostBy(tables, 'id', command.id);
        const next = transitions.approve(host, command, {
          nameTaken: host !== undefined && (await hostBy(tables, 'name', host.name)) !== undefined,
          keyTaken: (await holdersOf(tables, host?.endorsementKeys ?? [])).length > 0,
        });
        if (!next.ok) return next;
        await updateHost(tables, next.value);
        await bind(tables, next.value);
        await append(tables, command.audit);
        return next;
      }),

    revokeHost: (command) =>
      database.write(async (tables) => {
        const host = await hostBy(tables, 'id', command.id);
        if (host === undefined) return fail('unknown-host', 'no such host');
        if (host.state === 'revoked') return ok(host);
        const next = transitions.revoke(host, command);
        await updateHost(tables, next);
        await tables.deleteFrom('activation').where('host_id', '=', host.id).execute();
        await revokeCertificates(tables, host.id, command.at);
        await countRevocation(tables);
        await append(tables, command.audit);
        return ok(next);
      }),

    removeHost: (command) =>
      database.write(async (tables) => {
        const host = await hostBy(tables, 'id', command.id);
        const next = transitions.remove(host, command);
        if (!next.ok || next.value === host) return next;
        await updateHost(tables, next.value);
        await setBound(tables, next.value);
        await append(tables, command.audit);
        return next;
      }),

    prunePendingHosts: ({ enrolledBefore, limit }) =>
      database.write(async (tables) => {
        const old = oldest(tables.selectFrom('host').where('state', '=', 'pending'), pageLimit(limit));
        const hosts = await old.where('enrolled_at', '<', enrolledBefore.getTime()).execute();
        await forget(tables, hosts);
        return hosts.length;
      }),

    host: (id) => database.read((tables) => hostBy(tables, 'id', id)),
    hostByName: (name) => database.read((tables) => hostBy(tables, 'name', name)),

    countHosts: () =>
      database.read(async (tables) => {
        const counted = tables
          .selectFrom('host')
          .where('removed_at', 'is', null)
          .select(['state', ({ fn }) => fn.countAll<number | string>().as('count')]);
        const rows = await counted.groupBy('state').execute();
        const none = { pending: 0, approved: 0, active: 0, revoked: 0 };
        return { ...none, ...Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)])) };
      }),
    hosts: ({ state, after, limit }) =>
      database.read(async (tables) => {
        let page = tables.selectFrom('host').where('removed_at', 'is', null).orderBy('id').limit(pageLimit(limit));
        if (state !== undefined) page = page.where('state', '=', state);
        if (after !== undefined) page = page.where('id', '>', after);
        return withKeys(tables, await page.selectAll().execute());
      }),
  };
}

type Hosts = SelectQueryBuilder<AttestationTables, 'host', object>;

function oldest(hosts: Hosts, limit: number) {
  return hosts.select('id').orderBy('enrolled_at').orderBy('id').limit(limit);
}

/** For one more of at most `places`. */
async function makeRoom(tables: Kysely<AttestationTables>, hosts: Hosts, places: number): Promise<void> {
  const waiting = await hosts.select(({ fn }) => fn.countAll<number>().as('hosts')).executeTakeFirstOrThrow();
  const surplus = waiting.hosts - places + 1;
  if (surplus > 0) await forget(tables, await oldest(hosts, surplus).execute());
}
