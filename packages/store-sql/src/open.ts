import type { Hashing } from '@sekimori/audit-log';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { Kysely, SqliteDialect } from 'kysely';
import { Database } from './database.ts';
import { type Migration, type MigrationFault, type MigrationTables, migrate } from './migrations.ts';
import { isNoDatabase, openNodeSqlite } from './node-sqlite.ts';
import { claimPrivateFile } from './private-file.ts';

export interface SqliteOptions {
  /** Made if it is not there, with its directory; two more files, `-wal` and `-shm`, appear beside it. */
  readonly file: string;
  readonly crypto: Hashing;
}

export type OpenFault = MigrationFault | Fault<'database-exposed'>;

/** A database file that is private, durable, and of the schema that `migrations` lead to. */
export async function openDatabase<Tables>(
  { file, crypto }: SqliteOptions,
  migrations: readonly Migration[],
): Promise<Result<Database<Tables>, OpenFault>> {
  const claimed = claimPrivateFile(file);
  if (!claimed.ok) return claimed;
  let kysely: Kysely<Tables>;
  try {
    kysely = new Kysely<Tables>({ dialect: new SqliteDialect({ database: openNodeSqlite(file) }) });
  } catch (error) {
    if (isNoDatabase(error)) return fail('database-foreign', `${file} is not an SQLite database`);
    throw error;
  }
  const database = new Database(kysely);
  try {
    const migrated = await database.write((tables) =>
      migrate(crypto, tables as unknown as Kysely<MigrationTables>, migrations),
    );
    if (migrated.ok) return ok(database);
    await database.close();
    return migrated;
  } catch (error) {
    await database.close();
    throw error;
  }
}
