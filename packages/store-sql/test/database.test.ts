import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely, SqliteDialect, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../src/database.ts';
import { openNodeSqlite } from '../src/node-sqlite.ts';
import { aFile } from './files.ts';

interface Tables {
  note: { text: string };
}

describe('group commit', () => {
  let file: string;
  let statements: string[];
  let database: Database<Tables>;
  beforeEach(async () => {
    file = aFile();
    statements = [];
    mkdirSync(dirname(file));
    const kysely = new Kysely<Tables>({
      dialect: new SqliteDialect({ database: openNodeSqlite(file) }),
      log: ({ query }) => {
        statements.push(query.sql);
      },
    });
    database = new Database(kysely);
    await database.write((tables) => sql`create table note (text text unique) strict`.execute(tables));
    statements.length = 0;
  });
  afterEach(() => database.close());

  const note = (text: string) =>
    database.write(async (tables) => {
      await tables.insertInto('note').values({ text }).execute();
      return text;
    });
  const notes = () =>
    database.read(async (tables) => (await tables.selectFrom('note').select('text').execute()).map(({ text }) => text));

  it('shares one commit among commands that came together', async () => {
    expect(await Promise.all(['a', 'b', 'c'].map(note))).toEqual(['a', 'b', 'c']);
    expect(statements.filter((statement) => statement === 'commit')).toHaveLength(1);
    expect(statements.filter((statement) => statement === 'begin immediate')).toHaveLength(1);
  });

  it('undoes a command that throws, and it alone', async () => {
    const outcomes = await Promise.allSettled([
      note('a'),
      database.write(async (tables) => {
        await tables.insertInto('note').values({ text: 'half' }).execute();
        throw new Error('a bug');
      }),
      note('a'), // not unique
      note('b'),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(await notes()).toEqual(['a', 'b']);
    expect(await note('c')).toBe('c');
  });

  it('acknowledges none of a batch whose commit fails', async () => {
    const outcomes = await Promise.allSettled([
      note('a'),
      database.write((tables) => sql`rollback`.execute(tables)), // as SQLite itself does when the disk is full
      note('b'),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(await notes()).toEqual([]);
    expect(await note('c')).toBe('c');
  });

  it('never shows a reader half a batch', async () => {
    const writing = Promise.all(Array.from({ length: 30 }, (_, n) => note(String(n))));
    for (const seen of await Promise.all([notes(), notes(), notes()])) expect([0, 30]).toContain(seen.length);
    await writing;
    expect(await notes()).toHaveLength(30);
  });

  it('waits for the lock of another connection without blocking this process', async () => {
    const other = new DatabaseSync(file);
    other.exec('begin immediate');
    const waiting = note('a');
    await new Promise((resolve) => setTimeout(resolve, 20)); // would never come back if the wait blocked
    expect(await notes()).toEqual([]); // readers go on
    other.exec("insert into note values ('theirs'); commit");
    other.close();
    await waiting;
    expect(await notes()).toEqual(['theirs', 'a']);
  });

  it('finishes what it accepted before it closes', async () => {
    const accepted = ['a', 'b'].map(note);
    await database.close();
    expect(await Promise.all(accepted)).toEqual(['a', 'b']);
    await expect(note('c')).rejects.toThrow('closed');
  });

  it('binds values: none is ever read as SQL', async () => {
    const text = `'); drop table note; --`;
    await note(text);
    expect(await notes()).toEqual([text]);
  });
});
