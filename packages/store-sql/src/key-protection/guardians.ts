import { fail, ok } from '@sekimori/result';
import type { GuardianRecord, KeyProtectionStore } from '@sekimori/store';
import type { Kysely, Selectable } from 'kysely';
import type { Append } from '../audit.ts';
import type { Database } from '../database.ts';
import type { GuardianColumns, KeyProtectionTables } from '../tables.ts';

type Guardians = Pick<KeyProtectionStore, 'addGuardian' | 'setPrimaryGuardian' | 'setGuardianEnabled' | 'guardians'>;

export function sqlGuardians(database: Database<KeyProtectionTables>, append: Append<KeyProtectionTables>): Guardians {
  return {
    addGuardian: ({ guardian, audit }) =>
      database.write(async (tables) => {
        const any = await tables.selectFrom('guardian').select('position').limit(1).executeTakeFirst();
        const row = await tables
          .insertInto('guardian')
          .values({
            fingerprint: guardian.fingerprint,
            signing_certificate: guardian.signingCertificate,
            encryption_certificate: guardian.encryptionCertificate,
            signature: guardian.signature,
            added_at: guardian.addedAt.getTime(),
            is_primary: any ? 0 : 1,
            enabled: 1,
          })
          .onConflict((conflict) => conflict.column('fingerprint').doNothing())
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return fail('duplicate-guardian', 'this guardian is known');
        await append(tables, audit);
        return ok(guardianOf(row));
      }),

    setPrimaryGuardian: ({ fingerprint, audit }) =>
      database.write(async (tables) => {
        const guardian = await guardianIn(tables, fingerprint);
        if (guardian === undefined) return fail('unknown-guardian', 'no such guardian');
        if (!guardian.enabled) return fail('guardian-disabled', 'a disabled guardian cannot be the primary');
        if (guardian.primary) return ok(guardian);
        await tables.updateTable('guardian').set({ is_primary: 0 }).where('is_primary', '=', 1).execute();
        await tables.updateTable('guardian').set({ is_primary: 1 }).where('fingerprint', '=', fingerprint).execute();
        await append(tables, audit);
        return ok({ ...guardian, primary: true });
      }),

    setGuardianEnabled: ({ fingerprint, enabled, audit }) =>
      database.write(async (tables) => {
        const guardian = await guardianIn(tables, fingerprint);
        if (guardian === undefined) return fail('unknown-guardian', 'no such guardian');
        if (guardian.enabled === enabled) return ok(guardian);
        if (guardian.primary) return fail('guardian-is-primary', 'make another guardian the primary first');
        const change = { enabled: enabled ? 1 : 0 };
        await tables.updateTable('guardian').set(change).where('fingerprint', '=', fingerprint).execute();
        await append(tables, audit);
        return ok({ ...guardian, enabled });
      }),

    guardians: () =>
      database.read(async (tables) =>
        (await tables.selectFrom('guardian').selectAll().orderBy('position').execute()).map(guardianOf),
      ),
  };
}

async function guardianIn(
  tables: Kysely<KeyProtectionTables>,
  fingerprint: string,
): Promise<GuardianRecord | undefined> {
  const query = tables.selectFrom('guardian').selectAll().where('fingerprint', '=', fingerprint);
  const row = await query.executeTakeFirst();
  return row && guardianOf(row);
}

function guardianOf(row: Selectable<GuardianColumns>): GuardianRecord {
  return {
    fingerprint: row.fingerprint,
    signingCertificate: row.signing_certificate,
    encryptionCertificate: row.encryption_certificate,
    signature: row.signature,
    addedAt: new Date(row.added_at),
    primary: row.is_primary === 1,
    enabled: row.enabled === 1,
  };
}
