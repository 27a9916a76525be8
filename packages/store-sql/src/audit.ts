import {
  type AuditDraft,
  type AuditEntry,
  type Checkpoint,
  EMPTY_LOG,
  type Hashing,
  type JsonValue,
  appendTo,
  canonicalJson,
} from '@sekimori/audit-log';
import { type AuditStore, pageLimit } from '@sekimori/store';
import type { Kysely } from 'kysely';
import type { Database } from './database.ts';
import type { AuditTables } from './tables.ts';

/** Appends in the transaction of the command that it is called in. */
export type Append<Tables> = (tables: Kysely<Tables>, ...drafts: readonly AuditDraft[]) => Promise<void>;

export function auditLog<Tables extends AuditTables>(
  crypto: Hashing,
  database: Database<Tables>,
): { readonly append: Append<Tables>; readonly audit: AuditStore } {
  const auditOf = (tables: Kysely<Tables>) => tables as unknown as Kysely<AuditTables>;

  const head = async (tables: Kysely<Tables>): Promise<Checkpoint> => {
    const query = auditOf(tables)
      .selectFrom('audit_entry')
      .select(['number', 'hash'])
      .orderBy('number', 'desc')
      .limit(1);
    const last = await query.executeTakeFirst();
    return last ? { index: last.number, hash: last.hash } : EMPTY_LOG;
  };

  const append: Append<Tables> = async (tables, ...drafts) => {
    let last = await head(tables);
    for (const draft of drafts) {
      const { index, traceId, body, ...columns } = appendTo(crypto, last, draft);
      const row = { ...columns, number: index, trace_id: traceId ?? null, body: canonicalJson(body) };
      await auditOf(tables).insertInto('audit_entry').values(row).execute();
      last = { index, hash: columns.hash };
    }
  };

  const audit: AuditStore = {
    appendAudit: (drafts) => database.write((tables) => append(tables, ...drafts)),
    auditEntries: ({ after, limit }) =>
      database.read(async (tables) => {
        const rows = await auditOf(tables)
          .selectFrom('audit_entry')
          .selectAll()
          .where('number', '>', after)
          .orderBy('number')
          .limit(pageLimit(limit))
          .execute();
        return rows.map(
          ({ number, trace_id, body, ...columns }): AuditEntry => ({
            index: number,
            ...columns,
            ...(trace_id === null ? {} : { traceId: trace_id }),
            body: JSON.parse(body) as JsonValue,
          }),
        );
      }),
    auditHead: () => database.read(head),
  };
  return { append, audit };
}

export const auditTable = (types: { readonly integer: string; readonly tableEnd: string }): string => `
create table audit_entry (
  number ${types.integer} primary key check (number > 0),
  at text not null,
  kind text not null,
  actor text not null,
  subject text not null,
  trace_id text,
  body text not null,
  hash text not null check (length(hash) = 64)
)${types.tableEnd}`;
