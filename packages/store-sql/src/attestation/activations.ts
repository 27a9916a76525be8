import { fail, ok } from '@sekimori/result';
import { type Activation, type ActivationStore, transitions } from '@sekimori/store';
import type { Append } from '../audit.ts';
import type { Database } from '../database.ts';
import type { ActivationRow, AttestationTables } from '../tables.ts';
import { hostBy, updateHost } from './host-rows.ts';

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
        await tables.deleteFrom('activation').where('host_id', '=', hostId).execute();
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
        const next = transitions.activate({ ...activationOf(row), proofHash: row.proof_hash }, command, {
          host: await hostBy(tables, 'id', row.host_id),
          keyTaken: (await holder.executeTakeFirst()) !== undefined,
        });
        if (next.ok) await updateHost(tables, next.value);
        await append(tables, next.ok ? command.audit.completed : command.audit.failed);
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
