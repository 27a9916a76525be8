import type { Hashing } from '@sekimori/audit-log';
import { toHex, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import type { AttestationStore } from '../attestation-store.ts';
import { aDraft, faultOf, later, START, uuid } from './fixtures.ts';

export function policyContract(crypto: Hashing, open: () => Promise<AttestationStore>): void {
  const baseline = (n: number, name = `baseline${n}`) => ({
    baseline: { id: uuid(n), name, content: { pcrs: { '4': ['ab'] } }, addedBy: 'alice', addedAt: later(n) },
    audit: aDraft('baseline.added'),
  });
  const retirement = (n: number) => ({ id: uuid(n), by: 'bob', at: later(50), audit: aDraft('baseline.retired') });

  describe('attestation policy', () => {
    it('is empty at first, and its version grows with each change', async () => {
      const store = await open();
      expect(await store.attestationPolicy()).toEqual({ version: 0, settings: null, baselines: [] });
      expect(await store.policyVersion()).toBe(0);
      const change = { settings: { rules: ['secure-boot'] }, expectedVersion: 0, audit: aDraft('policy.changed') };
      const policy = expectOk(await store.setAttestationPolicy(change));
      expect(policy).toEqual({ version: 1, settings: change.settings, baselines: [] });
      expect(await store.setAttestationPolicy(change)).toMatchObject(faultOf('policy-changed'));
      const added = expectOk(await store.addBaseline(baseline(1)));
      expect(added).toEqual({ ...baseline(1).baseline, retiredAt: null, retiredBy: null });
      expect(await store.attestationPolicy()).toEqual({ version: 2, settings: change.settings, baselines: [added] });
      expect(await store.policyVersion()).toBe(2);
      expectOk(await store.retireBaseline(retirement(1)));
      expect(await store.attestationPolicy()).toEqual({ version: 3, settings: change.settings, baselines: [] });
    });

    it('has one winner of two changes to one version', async () => {
      const [a, b] = await Promise.all([open(), open()]);
      const outcomes = await Promise.all(
        [a, b, a, b].map((store, n) =>
          store.setAttestationPolicy({ settings: n, expectedVersion: 0, audit: aDraft('policy.changed') }),
        ),
      );
      expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1);
      expect((await a.attestationPolicy()).version).toBe(1);
    });

    it('knows one baseline in force of each name', async () => {
      const store = await open();
      expectOk(await store.addBaseline(baseline(2, 'kernel')));
      expect(await store.addBaseline(baseline(1, 'kernel'))).toMatchObject(faultOf('duplicate-name'));
      const retired = expectOk(await store.retireBaseline(retirement(2)));
      expect(retired).toMatchObject({ retiredAt: later(50), retiredBy: 'bob' });
      const head = await store.auditHead();
      expect(expectOk(await store.retireBaseline({ ...retirement(2), by: 'carol' }))).toEqual(retired);
      expect(await store.auditHead()).toEqual(head);
      expectOk(await store.addBaseline(baseline(3, 'kernel')));
      expect((await store.baselines({ limit: 10 })).map(({ id }) => id)).toEqual([uuid(2), uuid(3)]);
      expect(await store.retireBaseline(retirement(9))).toMatchObject(faultOf('unknown-baseline'));
    });

    it('knows the TPM roots', async () => {
      const store = await open();
      const root = {
        der: utf8('a root'),
        vendor: 'swtpm',
        addedBy: 'alice',
        addedAt: START,
        insecure: true,
        manufacturers: null,
      };
      const added = expectOk(await store.addTpmRoot({ root, audit: aDraft('tpm-root.added') }));
      expect(added).toEqual({ ...root, fingerprint: toHex(crypto.hash('sha256', root.der)) });
      const again = { root: { ...root, insecure: false }, audit: aDraft('tpm-root.added') };
      expect(await store.addTpmRoot(again)).toMatchObject(faultOf('duplicate-root'));
      expect(await store.tpmRoots()).toEqual([added]);
      const narrow = { ...root, der: utf8('another'), manufacturers: ['53544d20', '49465800'] };
      const other = expectOk(await store.addTpmRoot({ root: narrow, audit: aDraft('tpm-root.added') }));
      expect((await store.tpmRoots()).find(({ fingerprint }) => fingerprint === other.fingerprint)).toEqual({
        ...narrow,
        fingerprint: other.fingerprint,
      });
      expectOk(await store.removeTpmRoot({ fingerprint: other.fingerprint, audit: aDraft('tpm-root.removed') }));
      const removal = { fingerprint: added.fingerprint, audit: aDraft('tpm-root.removed') };
      expect(expectOk(await store.removeTpmRoot(removal))).toEqual(added);
      expect(await store.removeTpmRoot(removal)).toMatchObject(faultOf('unknown-root'));
      expect(await store.tpmRoots()).toEqual([]);
    });
  });
}
