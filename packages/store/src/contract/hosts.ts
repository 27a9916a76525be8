import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import type { AttestationStore } from '../attestation-store.ts';
import { aDraft, aHost, aKey, active, approved, enrolled, faultOf, later, START, uuid } from './fixtures.ts';

export function hostsContract(open: () => Promise<AttestationStore>): void {
  const enrol = (store: AttestationStore, host = aHost(1), maxPending = 100) =>
    store.enrolHost({ host, maxPending, audit: aDraft('host.enrolled') });
  const revocation = (n: number) => ({
    id: uuid(n),
    by: 'bob',
    reason: 'stolen',
    at: later(3000),
    audit: aDraft('host.revoked'),
  });

  describe('hosts', () => {
    it('are enrolled as pending, and found by id and by name', async () => {
      const store = await open();
      const host = expectOk(await enrol(store));
      expect(host).toEqual({
        ...aHost(1),
        state: 'pending',
        ekFingerprint: aKey(2).spkiHash,
        attestationKey: null,
        counters: null,
        approvedAt: null,
        approvedBy: null,
        revokedAt: null,
        revokedBy: null,
        revocationReason: null,
        lastVerdict: null,
      });
      expect(await store.host(host.id)).toEqual(host);
      expect(await store.hostByName('node1')).toEqual(host);
      expect(await store.host('nobody')).toBeUndefined();
      expect(await store.hostByName('nobody')).toBeUndefined();
    });

    it('are the same host when name and endorsement keys are the same, in every state but revoked', async () => {
      const store = await open();
      for (const reach of [enrolled, approved, active]) {
        const n = reach === enrolled ? 1 : reach === approved ? 2 : 3;
        const present = await reach(store, n);
        const before = await store.auditHead();
        const [one, two] = aHost(n).endorsementKeys as unknown as [ReturnType<typeof aKey>, ReturnType<typeof aKey>];
        const again = aHost(n, { id: uuid(99), endorsementKeys: [two, one] });
        expect(expectOk(await enrol(store, again))).toEqual(present);
        expect(await store.auditHead()).toEqual(before);
      }
      expectOk(await store.revokeHost(revocation(1)));
      expect(await enrol(store, aHost(1, { id: uuid(99) }))).toMatchObject(faultOf('duplicate-name'));
    });

    it('never change hands: a name with other keys, a key under another name', async () => {
      const store = await open();
      await active(store, 1);
      const other = aHost(2);
      expect(await enrol(store, { ...other, name: 'node1' })).toMatchObject(faultOf('duplicate-name'));
      const some = [aKey(2)] as const; // a subset is another set
      expect(await enrol(store, { ...other, name: 'node1', endorsementKeys: some })).toMatchObject(
        faultOf('duplicate-name'),
      );
      for (const key of [2, 3]) {
        const cloned = { ...other, endorsementKeys: [aKey(50), aKey(key)] as const };
        expect(await enrol(store, cloned)).toMatchObject(faultOf('duplicate-ek'));
      }
      expect(await enrol(store, { ...other, endorsementKeys: [aKey(4), aKey(4)] })).toMatchObject(
        faultOf('duplicate-ek'),
      );
      expectOk(await store.revokeHost(revocation(1)));
      expect(await enrol(store, { ...other, endorsementKeys: [aKey(3)] })).toMatchObject(faultOf('duplicate-ek'));
      expect(await store.hosts({ limit: 10 })).toHaveLength(1);
    });

    it('wait for approval up to a number', async () => {
      const store = await open();
      expectOk(await enrol(store, aHost(1), 2));
      expectOk(await enrol(store, aHost(2), 2));
      expect(await enrol(store, aHost(3), 2)).toMatchObject(faultOf('too-many-pending'));
      expectOk(await enrol(store, aHost(2), 2)); // the same once more
      const { id, ekFingerprint } = (await store.host(uuid(1)))!;
      expectOk(await store.approveHost({ id, ekFingerprint, by: 'a', at: START, audit: aDraft('host.approved') }));
      expectOk(await enrol(store, aHost(3), 2));
    });

    it('with one key or one name become one host, however many ask at once', async () => {
      const [a, b] = await Promise.all([open(), open()]);
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          enrol(n % 2 ? a : b, aHost(n, n % 4 < 2 ? { name: 'twin' } : { endorsementKeys: [aKey(7777)] })),
        ),
      );
      expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(2);
      expect(await a.hosts({ limit: 100 })).toHaveLength(2);
    });

    it('are approved by the fingerprint that was compared, once', async () => {
      const store = await open();
      const { id, ekFingerprint } = await enrolled(store, 1);
      const approval = { id, ekFingerprint, by: 'alice', at: later(500), audit: aDraft('host.approved') };
      expect(await store.approveHost({ ...approval, id: 'nobody' })).toMatchObject(faultOf('unknown-host'));
      const wrong = { ...approval, ekFingerprint: aKey(3).spkiHash }; // its own, but not the first
      expect(await store.approveHost(wrong)).toMatchObject(faultOf('fingerprint-mismatch'));
      expect(expectOk(await store.approveHost(approval))).toMatchObject({
        state: 'approved',
        approvedBy: 'alice',
        approvedAt: later(500),
      });
      expect(await store.approveHost(approval)).toMatchObject(faultOf('host-not-pending'));
      expectOk(await store.revokeHost(revocation(1)));
      expect(await store.approveHost(approval)).toMatchObject(faultOf('host-not-pending'));
    });

    it('are revoked from every state, for good', async () => {
      const store = await open();
      expect(await store.revokeHost(revocation(1))).toMatchObject(faultOf('unknown-host'));
      await enrolled(store, 1);
      await approved(store, 2);
      await active(store, 3);
      for (const n of [1, 2, 3]) {
        const revoked = expectOk(await store.revokeHost(revocation(n)));
        expect(revoked).toMatchObject({ state: 'revoked', revokedBy: 'bob', revocationReason: 'stolen' });
        expect(await store.host(uuid(n))).toEqual(revoked);
        const head = await store.auditHead();
        const again = expectOk(await store.revokeHost({ ...revocation(n), by: 'carol', at: later(9000) }));
        expect(again).toEqual(revoked);
        expect(await store.auditHead()).toEqual(head);
      }
      expect(await store.revocations(later(3000))).toMatchObject({ number: 3, hosts: [1, 2, 3].map(uuid) });
    });

    it('are listed by name, by state and in pages', async () => {
      const store = await open();
      for (const n of [3, 1, 2]) await enrolled(store, n);
      await approved(store, 4);
      const names = async (page: Parameters<AttestationStore['hosts']>[0]) =>
        (await store.hosts(page)).map((host) => host.name);
      expect(await store.countHosts()).toEqual({ pending: 3, approved: 1, active: 0, revoked: 0 });
      expect(await names({ limit: 10 })).toEqual(['node1', 'node2', 'node3', 'node4']);
      expect(await names({ limit: 2, after: 'node1' })).toEqual(['node2', 'node3']);
      expect(await names({ limit: 10, state: 'approved' })).toEqual(['node4']);
      expect((await store.hosts({ limit: 1, after: 'node3' }))[0]).toEqual(await store.host(uuid(4)));
      for (const limit of [0, -1, 1001, 1.5, Number.NaN])
        await expect(store.hosts({ limit })).rejects.toThrow(RangeError);
    });
  });
}
