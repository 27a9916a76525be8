import { type AuditDraft, type AuditEntry, EMPTY_LOG, type Hashing, appendTo } from '@sekimori/audit-log';
import type { AuditStore } from '../audit.ts';
import { pageLimit } from '../paging.ts';

/** Appends before the command changes anything: a draft that throws leaves everything as it was. */
export type Append = (...drafts: readonly AuditDraft[]) => void;

export function memoryAudit(crypto: Hashing): { readonly append: Append; readonly audit: AuditStore } {
  const log: AuditEntry[] = [];
  const append: Append = (...drafts) => {
    const added: AuditEntry[] = [];
    for (const draft of drafts)
      added.push(appendTo(crypto, added.at(-1) ?? log.at(-1) ?? EMPTY_LOG, structuredClone(draft)));
    log.push(...added);
  };
  return {
    append,
    audit: {
      appendAudit: async (drafts) => append(...drafts),
      auditEntries: async ({ after, limit }) => structuredClone(log.slice(after, after + pageLimit(limit))),
      auditHead: async () => {
        const { index, hash } = log.at(-1) ?? EMPTY_LOG;
        return { index, hash };
      },
    },
  };
}
