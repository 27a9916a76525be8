import type { Hashing } from '@sekimori/audit-log';
import { toHex } from '@sekimori/bytes';
import { fail, ok } from '@sekimori/result';
import type { PolicyStore, TpmRoot } from '@sekimori/store';
import type { Append } from '../audit.ts';
import type { Database } from '../database.ts';
import type { AttestationTables } from '../tables.ts';
import { json } from './rows.ts';

export function sqlTpmRoots(
  crypto: Hashing,
  database: Database<AttestationTables>,
  append: Append<AttestationTables>,
): Pick<PolicyStore, 'addTpmRoot' | 'removeTpmRoot' | 'tpmRoots'> {
  return {
    addTpmRoot: ({ root, audit }) =>
      database.write(async (tables) => {
        const row: Row = {
          fingerprint: toHex(crypto.hash('sha256', root.der)),
          der: root.der,
          vendor: root.vendor,
          added_by: root.addedBy,
          added_at: root.addedAt.getTime(),
          insecure: root.insecure ? 1 : 0,
          manufacturers: root.manufacturers && JSON.stringify(root.manufacturers),
        };
        const { numInsertedOrUpdatedRows: added } = await tables
          .insertInto('tpm_root')
          .values(row)
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirstOrThrow();
        if (added !== 1n) return fail('duplicate-root', 'this root is trusted already');
        await append(tables, audit);
        return ok(rootOf(row));
      }),

    removeTpmRoot: ({ fingerprint, audit }) =>
      database.write(async (tables) => {
        const removal = tables.deleteFrom('tpm_root').where('fingerprint', '=', fingerprint).returningAll();
        const row = await removal.executeTakeFirst();
        if (row === undefined) return fail('unknown-root', 'no such root');
        await append(tables, audit);
        return ok(rootOf(row));
      }),

    tpmRoots: () =>
      database.read(async (tables) =>
        (await tables.selectFrom('tpm_root').selectAll().orderBy('fingerprint').execute()).map(rootOf),
      ),
  };
}

type Row = AttestationTables['tpm_root'];

function rootOf(row: Row): TpmRoot {
  return {
    fingerprint: row.fingerprint,
    der: row.der,
    vendor: row.vendor,
    addedBy: row.added_by,
    addedAt: new Date(row.added_at),
    insecure: row.insecure === 1,
    manufacturers: row.manufacturers === null ? null : (json(row.manufacturers) as readonly string[]),
  };
}
