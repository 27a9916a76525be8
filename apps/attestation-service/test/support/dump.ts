import { DatabaseSync } from 'node:sqlite';

/** Every row of every table of an SQLite file, as one text to compare. */
export function dump(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const tables = database.prepare("select name from sqlite_master where type = 'table' order by name").all();
    return tables
      .flatMap(({ name }) => [
        String(name),
        ...database
          .prepare(`select * from "${String(name)}"`)
          .all()
          .map(line),
      ])
      .join('\n');
  } finally {
    database.close();
  }
}

/** Runs a statement behind the service's back. */
export function tamper(file: string, statement: string): void {
  const database = new DatabaseSync(file);
  try {
    database.exec(statement);
  } finally {
    database.close();
  }
}

function line(row: object): string {
  return JSON.stringify(row, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}
