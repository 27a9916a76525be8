import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

// SQLite's primary result codes: https://sqlite.org/rescode.html
const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;

/** Statements kept ready. Texts come from the query builder, with parameters, so there are few. */
const MAX_STATEMENTS = 256;

/** How long opening waits, blocking, for another process that is recovering or migrating. Milliseconds. */
const OPENING_TIMEOUT = 10_000;

/**
 * node:sqlite in the shape of Kysely's SQLite dialect. Every commit is on the disk before it returns (WAL with
 * synchronous=FULL). SQLite's own waiting for locks is off, as it would block the event loop, and with it another
 * connection of this process that holds the lock: `Database` waits instead.
 */
export function openNodeSqlite(file: string): SqliteDatabase {
  const database = new DatabaseSync(file, {
    timeout: OPENING_TIMEOUT,
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: false,
    allowExtension: false,
  });
  try {
    const mode = database.prepare('pragma journal_mode = wal').get();
    if (mode?.['journal_mode'] !== 'wal') throw new Error(`${file}: the file system cannot hold a WAL`);
    database.exec('pragma synchronous = full; pragma trusted_schema = off; pragma busy_timeout = 0');
  } catch (error) {
    database.close();
    throw error;
  }
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = statements.get(sql);
      if (known) return known;
      if (statements.size >= MAX_STATEMENTS) statements.clear();
      const statement = kyselyStatement(database.prepare(sql));
      statements.set(sql, statement);
      return statement;
    },
  };
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE_BUSY;
}

export function isNoDatabase(error: unknown): boolean {
  return primaryCode(error) === SQLITE_NOTADB;
}

function kyselyStatement(statement: StatementSync): SqliteStatement {
  const bound = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...bound(parameters)),
    run: (parameters) => statement.run(...bound(parameters)),
    iterate: (parameters) => statement.iterate(...bound(parameters)),
  };
}

function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}
