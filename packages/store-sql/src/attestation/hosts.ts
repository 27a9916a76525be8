import { fail, ok } from '@sekimori/result';
import { type HostStore, pageLimit, transitions } from '@sekimori/store';
import type { Append } from '../audit.ts';
import type { Database } from '../database.ts';
import type { AttestationTables, EndorsementKeyRow } from '../tables.ts';
import { countRevocation, hostBy, revokeCertificates, updateHost } from './host-rows.ts';
import { hostOf, hostRow, keyRows } from './rows.ts';

export function sqlHosts(database: Database<AttestationTables>, append: Append<AttestationTables>): HostStore {
  return {
    enrolHost: (command) =>
      database.write(async (tables) => {
        const { host } = command;
        const named = await hostBy(tables, 'name', host.name);
        const hashes = host.endorsementKeys.map((key) => key.spkiHash);
        const holders = tables.selectFrom('endorsement_key').select('host_id').where('spki_hash', 'in', hashes);
        const waiting = tables.selectFrom('host').select((count) => count.fn.countAll<number>().as('hosts'));
        const next = transitions.enrol(command, {
          named,
          keyHolders: (await holders.execute()).length,
          pending: (await waiting.where('state', '=', 'pending').executeTakeFirstOrThrow()).hosts,
        });
        if (!next.ok || next.value === named) return next;
        await tables.insertInto('host').values(hostRow(next.value)).execute();
        await tables.insertInto('endorsement_key').values(keyRows(next.value)).execute();
        await append(tables, command.audit);
        return next;
      }),

    approveHost: (command) =>
      database.write(async (tables) => {
        const next = transitions.approve(await hostBy(tables, 'id', command.id), command);
        if (!next.ok) return next;
        await updateHost(tables, next.value);
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

    host: (id) => database.read((tables) => hostBy(tables, 'id', id)),
    hostByName: (name) => database.read((tables) => hostBy(tables, 'name', name)),

    countHosts: () =>
      database.read(async (tables) => {
        const counted = tables.selectFrom('host').select(['state', ({ fn }) => fn.countAll<number | string>().as('count')]);
        const rows = await counted.groupBy('state').execute();
        const none = { pending: 0, approved: 0, active: 0, revoked: 0 };
        return { ...none, ...Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)])) };
      }),
    hosts: ({ state, after, limit }) =>
      database.read(async (tables) => {
        let page = tables.selectFrom('host').orderBy('name').limit(pageLimit(limit));
        if (state !== undefined) page = page.where('state', '=', state);
        if (after !== undefined) page = page.where('name', '>', after);
        const rows = await page.selectAll().execute();
        const keys = await tables
          .selectFrom('endorsement_key')
          .selectAll()
          .where('host_id', 'in', page.select('id'))
          .orderBy('position')
          .execute();
        const keysOf = Map.groupBy(keys, (key: EndorsementKeyRow) => key.host_id);
        return rows.map((row) => hostOf(row, keysOf.get(row.id) ?? []));
      }),
  };
}
