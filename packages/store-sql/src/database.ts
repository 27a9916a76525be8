import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { isBusy } from './node-sqlite.ts';

/** Commands that share one commit: bounds how long reads and others wait. */
const MAX_BATCH = 64;

/** How long to wait for the lock of another process before an outage is told. Milliseconds. */
const BUSY_TIMEOUT = 10_000;

const BEGIN_WRITE = sql`begin immediate`; // takes the write lock first: what a command reads is what stands when it commits
const BEGIN_READ = sql`begin`;

interface Waiting<Tables> {
  /** Runs the command, and gives what to do once it is on the disk. */
  readonly run: (tables: Kysely<Tables>) => Promise<() => void>;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit over one connection. Commands that wait at the same time run one after the other in one transaction, each
 * behind its own savepoint, and are acknowledged after the one commit: a sync of the disk for many instead of for each. A
 * command that throws is undone alone.
 */
export class Database<Tables> {
  readonly #kysely: Kysely<Tables>;
  readonly #queue: Waiting<Tables>[] = [];
  #draining: Promise<void> | undefined;
  #closed = false;

  constructor(kysely: Kysely<Tables>) {
    this.#kysely = kysely;
  }

  /** One atomic command. Resolves when it is durable. It may be run again from the start: it has no effect but its queries. */
  write<T>(command: (tables: Kysely<Tables>) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new Error('the database is closed'));
    return new Promise<T>((resolve, reject) => {
      const run = async (tables: Kysely<Tables>) => {
        const value = await command(tables);
        return () => resolve(value);
      };
      this.#queue.push({ run, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Queries that see one moment. */
  read<T>(query: (tables: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#transaction(BEGIN_READ, query);
  }

  /** After all that was accepted is done. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#draining;
    await this.#kysely.destroy();
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await nextTurn(); // lets requests that arrived together join
      await this.#commit(this.#queue.splice(0, MAX_BATCH));
    }
    this.#draining = undefined;
  }

  async #commit(batch: readonly Waiting<Tables>[]): Promise<void> {
    try {
      const acknowledgements = await this.#transaction(BEGIN_WRITE, async (tables) => {
        const done: (() => void)[] = [];
        for (const waiting of batch) done.push(await behindSavepoint(tables, waiting));
        return done;
      });
      for (const acknowledge of acknowledgements) acknowledge();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  /** Waits without blocking while another connection has the lock; nothing is committed until then, so all is run again. */
  async #transaction<T>(begin: RawBuilder<unknown>, work: (tables: Kysely<Tables>) => Promise<T>): Promise<T> {
    const deadline = performance.now() + BUSY_TIMEOUT;
    for (let pause = 1; ; pause = Math.min(2 * pause, 16)) {
      try {
        return await this.#kysely.connection().execute((tables) => within(tables, begin, work));
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw error;
      }
      await sleep(pause);
    }
  }
}

async function within<Tables, T>(
  tables: Kysely<Tables>,
  begin: RawBuilder<unknown>,
  work: (tables: Kysely<Tables>) => Promise<T>,
): Promise<T> {
  await begin.execute(tables);
  try {
    const value = await work(tables);
    await sql`commit`.execute(tables);
    return value;
  } catch (error) {
    // SQLite has rolled back itself after some errors (disk full, I/O); then this one says that there is none.
    await sql`rollback`.execute(tables).catch(() => undefined);
    throw error;
  }
}

async function behindSavepoint<Tables>(tables: Kysely<Tables>, waiting: Waiting<Tables>): Promise<() => void> {
  await sql`savepoint command`.execute(tables);
  try {
    const acknowledge = await waiting.run(tables);
    await sql`release command`.execute(tables);
    return acknowledge;
  } catch (error) {
    await sql`rollback to command`.execute(tables); // throws, and ends the batch, when the whole transaction is gone
    await sql`release command`.execute(tables);
    return () => waiting.reject(error);
  }
}
