import type { Hashing } from '@sekimori/audit-log';
import { toHex, utf8 } from '@sekimori/bytes';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { type Kysely, sql } from 'kysely';

/** What the SQL dialects call differently. */
interface ColumnTypes {
  readonly bytes: string;
  readonly integer: string;
  /** A primary key that the database counts up and never gives twice. */
  readonly counted: string;
  /** After the closing parenthesis of a table. */
  readonly tableEnd: string;
}

const SQLITE_TYPES: ColumnTypes = {
  bytes: 'blob',
  integer: 'integer',
  counted: 'integer primary key autoincrement',
  tableEnd: ' strict',
};

/** One step forward; there is none back. A migration that was released is never changed: its text is checked. */
export interface Migration {
  readonly name: string;
  readonly statements: (types: ColumnTypes) => readonly string[];
}

export type MigrationFault = Fault<'database-newer' | 'database-foreign'>;

export interface MigrationTables {
  schema_migration: { number: number; name: string; checksum: string; applied_at: number };
}

/**
 * Brings the schema up to date, in the caller's write transaction. `database-newer`: a later release has been here, and
 * this one does not know what it would destroy. `database-foreign`: the tables are not ours, or of another service.
 */
export async function migrate(
  crypto: Hashing,
  db: Kysely<MigrationTables>,
  migrations: readonly Migration[],
): Promise<Result<void, MigrationFault>> {
  const found = await sql<{ name: string }>`
    select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\'`.execute(db);
  const isOurs = found.rows.some(({ name }) => name === 'schema_migration');
  if (!isOurs && found.rows.length > 0) return fail('database-foreign', 'the database has tables that are not ours');
  if (!isOurs)
    await sql`create table schema_migration (
      number integer primary key, name text not null, checksum text not null, applied_at integer not null
    ) strict`.execute(db);

  const applied = await db.selectFrom('schema_migration').selectAll().orderBy('number').execute();
  const planned = migrations.map(({ name, statements }, index) => {
    const texts = statements(SQLITE_TYPES);
    return { number: index + 1, name, texts, checksum: toHex(crypto.hash('sha256', utf8(texts.join(';\n')))) };
  });
  const isForeign = applied.some(({ number, checksum }, index) => {
    const plan = planned[index];
    return number !== index + 1 || (plan !== undefined && plan.checksum !== checksum);
  });
  if (isForeign) return fail('database-foreign', 'the database was made by other migrations than this service has');
  if (applied.length > planned.length)
    return fail('database-newer', `the database has schema ${applied.length}; this release knows ${planned.length}`);

  for (const { texts, number, name, checksum } of planned.slice(applied.length)) {
    for (const text of texts) await sql.raw(text).execute(db);
    await db.insertInto('schema_migration').values({ number, name, checksum, applied_at: Date.now() }).execute();
  }
  return ok(undefined);
}
