import type { AuditDraft, AuditEntry, Checkpoint } from '@sekimori/audit-log';

/** The drafts of one command; its own transaction turns them into entries. A command that changed nothing writes none. */
export type AuditDrafts = readonly [AuditDraft, ...AuditDraft[]];

/** One hash chain for each service. Every command of the stores appends to it in its own transaction. */
export interface AuditStore {
  /** For decisions that change nothing else here, such as a refused release. */
  appendAudit(drafts: AuditDrafts): Promise<void>;
  /** In order, from the index after `after` (0: from the start). */
  auditEntries(page: { readonly after: number; readonly limit: number }): Promise<readonly AuditEntry[]>;
  auditHead(): Promise<Checkpoint>;
}
