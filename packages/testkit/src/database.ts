import { toHex } from '@sekimori/bytes';
import { DatabaseSync } from 'node:sqlite';

/** Every row of every table of an SQLite file, as one text to compare. */
export function dumpDatabase(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const tables = database.prepare("select name from sqlite_master where type = 'table' order by name").all();
    return tables
      .map(({ name }) => String(name))
      .flatMap((name) => [name, ...database.prepare(`select * from "${name}"`).all().map(lineOf)])
      .join('\n');
  } finally {
    database.close();
  }
}

/** Runs a statement behind the back of the service that owns the file. */
export function tamperWithDatabase(file: string, statement: string): void {
  const database = new DatabaseSync(file);
  try {
    database.exec(statement);
  } finally {
    database.close();
  }
}

function lineOf(row: object): string {
  return JSON.stringify(row, (_, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value));
}
