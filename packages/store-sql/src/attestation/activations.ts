import { fail, ok } from '@sekimori/result';
import { type Activation, type ActivationStore, OPEN_ACTIVATIONS, transitions } from '@sekimori/store';
import type { Append } from '../audit.ts';
import type { Database } from '../database.ts';
import type { ActivationRow, AttestationTables } from '../tables.ts';
import { bind, holdersOf, hostBy, updateHost } from './host-rows.ts';

export function sqlActivations(
  database: Database<AttestationTables>,
  append: Append<AttestationTables>,
): ActivationStore {
  return {
    openActivation: (command) =>
      database.write(async (tables) => {
        const { activationId, hostId, attestationKey, expiresAt, proofHash } = command;
        const allowed = transitions.mayActivate(await hostBy(tables, 'id', hostId));
        if (!allowed.ok) return allowed;
        const row: ActivationRow = {
          id: activationId,
          host_id: hostId,
          proof_hash: proofHash,
          ak_public: attestationKey.public,
          ak_name: attestationKey.name,
          expires_at: expiresAt.getTime(),
        };
        await tables
          .deleteFrom('activation')
          .where('host_id', '=', hostId)
          .where('ak_name', '=', attestationKey.name)
          .execute();
        const kept = tables.selectFrom('activation').select('id').where('host_id', '=', hostId);
        const latest = kept
          .orderBy('expires_at', 'desc')
          .orderBy('id')
          .limit(OPEN_ACTIVATIONS - 1);
        await tables.deleteFrom('activation').where('host_id', '=', hostId).where('id', 'not in', latest).execute();
        await tables.insertInto('activation').values(row).execute();
        return ok(activationOf(row));
      }),

    activation: (activationId) =>
      database.read(async (tables) => {
        const row = await tables.selectFrom('activation').selectAll().where('id', '=', activationId).executeTakeFirst();
        return row && activationOf(row);
      }),

    completeActivation: (command) =>
      database.write(async (tables) => {
        // Consumed before anything is looked at: whoever comes next finds nothing.
        const row = await tables
          .deleteFrom('activation')
          .where('id', '=', command.activationId)
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return fail('unknown-activation', 'no such activation is open');
        const holder = tables.selectFrom('host').select('id').where('ak_name', '=', row.ak_name);
        const host = await hostBy(tables, 'id', row.host_id);
        const holders = await holdersOf(tables, host?.endorsementKeys ?? []);
        const next = transitions.activate({ ...activationOf(row), proofHash: row.proof_hash }, command, {
          host,
          keyTaken: (await holder.where('removed_at', 'is', null).executeTakeFirst()) !== undefined,
          endorsementKeyTaken: holders.some(({ id }) => id !== row.host_id),
        });
        if (next.ok) {
          await tables.deleteFrom('activation').where('host_id', '=', row.host_id).execute();
          await updateHost(tables, next.value);
          await bind(tables, next.value);
          await append(tables, command.audit.completed);
          return next;
        }
        const failed = transitions.failActivation(host, command.at);
        if (failed) await updateHost(tables, failed);
        if (failed) await append(tables, command.audit.failed);
        return next; // a fault commits too: the activation is gone
      }),
  };
}

function activationOf(row: ActivationRow): Activation {
  return {
    activationId: row.id,
    hostId: row.host_id,
    attestationKey: { public: row.ak_public, name: row.ak_name },
    expiresAt: new Date(row.expires_at),
  };
}
