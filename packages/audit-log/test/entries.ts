import { nodeCrypto } from '@sekimori/crypto-core/node';
import { type AuditDraft, type AuditEntry, type Checkpoint, EMPTY_LOG, appendTo } from '../src/index.ts';

export const draft = (more: Partial<AuditDraft> = {}): AuditDraft => ({
  at: new Date('2026-02-03T04:05:06.789Z'),
  kind: 'host.approved',
  actor: 'admin:alice',
  subject: 'host:node7',
  traceId: 't-1',
  body: { fingerprint: 'ab12', keys: [1, 2], note: null },
  ...more,
});

export function chain(length: number, head: Checkpoint = EMPTY_LOG): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (let n = 0; n < length; n++) {
    const entry = appendTo(nodeCrypto, entries.at(-1) ?? head, draft({ subject: `host:node${n}` }));
    entries.push(entry);
  }
  return entries;
}
