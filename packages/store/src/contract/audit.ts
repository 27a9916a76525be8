import { type AuditEntry, EMPTY_LOG, type Hashing, verifyEntries } from '@sekimori/audit-log';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import type { AuditStore } from '../audit.ts';
import { aDraft } from './fixtures.ts';

export function auditContract(crypto: Hashing, open: () => Promise<AuditStore>): void {
  describe('audit log', () => {
    it('is one sound chain, whoever appends at the same time', async () => {
      const [a, b] = await Promise.all([open(), open()]);
      expect(await a.auditHead()).toEqual(EMPTY_LOG);
      await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          (n % 2 ? a : b).appendAudit([aDraft('release.refused', `n:${n}`), aDraft('release.refused', `m:${n}`)]),
        ),
      );
      const entries: AuditEntry[] = [];
      for (;;) {
        const page = await b.auditEntries({ after: entries.length, limit: 70 });
        if (page.length === 0) break;
        entries.push(...page);
      }
      expect(entries).toHaveLength(200);
      expect(expectOk(verifyEntries(crypto, entries))).toEqual(await a.auditHead());
      expect(new Set(entries.map((entry) => entry.subject)).size).toBe(200);
    });

    it('keeps every member of an entry', async () => {
      const store = await open();
      const draft = { ...aDraft('a.b'), traceId: 't', body: { z: [1, 'ö', null], a: { b: true } } };
      await store.appendAudit([draft]);
      const [entry] = await store.auditEntries({ after: 0, limit: 1 });
      expect(entry).toEqual({ ...draft, at: draft.at.toISOString(), index: 1, hash: entry?.hash });
    });
  });
}
