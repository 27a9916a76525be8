import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import type { AttestationStore } from '../attestation-store.ts';
import { PENDING_PER_KEY } from '../hosts.ts';
import { aCompletion, activated, aDraft, aHost, aKey, active, anActivation, approved, enrolled } from './fixtures.ts';
import { faultOf, keyOf, later, revoked, uuid } from './fixtures.ts';

const A_KEY = aKey(1);

export function hostsContract(open: () => Promise<AttestationStore>): void {
  const enrol = (store: AttestationStore, host = aHost(1), maxPending = 100) => store.enrolHost({ host, maxPending });
  const approve = (store: AttestationStore, n: number, ekFingerprint = aKey(2 * n).spkiHash) =>
    store.approveHost({ id: uuid(n), ekFingerprint, by: 'alice', at: later(500), audit: aDraft('host.approved') });
  const removal = { id: uuid(1), by: 'carol', at: later(4000), audit: aDraft('host.removed') };
  const revocation = (n: number) => ({
    id: uuid(n),
    by: 'bob',
    reason: 'stolen',
    at: later(3000),
    audit: aDraft('host.revoked'),
  });

  describe('hosts', () => {
    it('are enrolled as pending, and found by id', async () => {
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
        removedAt: null,
        removedBy: null,
        activationFailedAt: null,
        lastVerdict: null,
      });
      expect(await store.host(host.id)).toEqual(host);
      expect(await store.hostByName('node1')).toBeUndefined();
      expect(await store.host('nobody')).toBeUndefined();
      expect(await store.hostByName('nobody')).toBeUndefined();
    });

    it('are the same host when name and whole endorsement keys are the same', async () => {
      const store = await open();
      for (const [n, reach] of [enrolled, approved, active].entries()) {
        const present = await reach(store, n);
        const before = await store.auditHead();
        expect(expectOk(await enrol(store, aHost(n, { id: uuid(99) })))).toEqual(present);
        expect(await store.auditHead()).toEqual(before);
      }
      expect(await store.host(uuid(99))).toBeUndefined();
    });

    it.each([
      ['another public area for the same key', [{ ...aKey(2), public: aKey(50).public }, aKey(3)]],
      ['another certificate for it', [aKey(2), { ...aKey(3), certificate: aKey(50).certificate }]],
      ['fewer keys', [aKey(2)]],
      ['more keys', [aKey(2), aKey(3), aKey(50)]],
      ['another order', [aKey(3), aKey(2)]],
    ] as const)('are another host with %s', async (_, endorsementKeys) => {
      const store = await open();
      const request = aHost(1, { id: uuid(9), endorsementKeys: endorsementKeys as unknown as [typeof A_KEY] });
      await enrolled(store, 1);
      expect(expectOk(await enrol(store, request)).id).toBe(uuid(9));
      expect((await store.host(uuid(1)))?.endorsementKeys).toEqual(aHost(1).endorsementKeys);
      await active(store, 1);
      expect(await store.host(uuid(9))).toBeUndefined();
      expect(await enrol(store, request)).toMatchObject(faultOf('duplicate-ek'));
    });

    it('wait beside others who ask for the same name or key, whatever else these say', async () => {
      const store = await open();
      await enrolled(store, 1);
      for (const squat of [
        aHost(2, { name: 'node1' }),
        aHost(3, { endorsementKeys: aHost(1).endorsementKeys }),
        aHost(4, { endorsementKeys: [aKey(50), aKey(2)] }),
        aHost(5, { name: 'node1', endorsementKeys: aHost(1).endorsementKeys, properties: {} }),
      ])
        expect(expectOk(await enrol(store, squat))).toMatchObject({ id: squat.id, state: 'pending' });
      expect((await enrolled(store, 1)).id).toBe(uuid(1));
      expect(await enrol(store, aHost(6, { endorsementKeys: [aKey(4), aKey(4)] }))).toMatchObject(
        faultOf('duplicate-ek'),
      );
      expect(await store.auditHead()).toMatchObject({ index: 0 });
    });

    it('have name and first key for themselves from approval on; those who wait with the key are forgotten', async () => {
      const store = await open();
      const squats = [
        aHost(2, { name: 'node1' }),
        aHost(3, { endorsementKeys: aHost(1).endorsementKeys }),
        aHost(4, { endorsementKeys: [aKey(50), aKey(2)] }),
        aHost(5, { endorsementKeys: [aKey(51), aKey(3)] }), // with the second key, which nobody has proven yet
      ];
      for (const squat of squats) expectOk(await enrol(store, squat));
      await approved(store, 1);
      expect((await store.hosts({ limit: 10 })).map(({ id }) => id)).toEqual([uuid(1), uuid(2), uuid(5)]);
      expect((await store.hostByName('node1'))?.id).toBe(uuid(1));
      expect(await approve(store, 2)).toMatchObject(faultOf('duplicate-name'));
      expect(await enrol(store, aHost(6, { name: 'node1' }))).toMatchObject(faultOf('duplicate-name'));
      for (const name of ['node1', 'clone'])
        expect(await enrol(store, aHost(7, { name, endorsementKeys: [aKey(60), aKey(2)] }))).toMatchObject(
          faultOf('duplicate-ek'),
        );
      await activated(store, 1); // now the second key is proven, and its own
      expect((await store.hosts({ limit: 10 })).map(({ id }) => id)).toEqual([uuid(1), uuid(2)]);
      expect(await enrol(store, aHost(8, { endorsementKeys: [aKey(3)] }))).toMatchObject(faultOf('duplicate-ek'));
      await revoked(store, 1);
      for (const host of [aHost(1, { id: uuid(9) }), aHost(9, { endorsementKeys: [aKey(3)] })])
        expect(await enrol(store, host)).toMatchObject(faultOf('duplicate-ek'));
      expect(await approve(store, 2)).toMatchObject(faultOf('duplicate-name'));
    });

    it('are not kept from their key by a host that names it second and cannot prove it', async () => {
      const store = await open();
      expectOk(await enrol(store, aHost(7, { endorsementKeys: [aKey(50), aKey(2)] })));
      expectOk(await approve(store, 7, aKey(50).spkiHash));
      expect((await active(store, 1)).state).toBe('active');
      expectOk(await store.openActivation(anActivation(7)));
      expect(await store.completeActivation(aCompletion(7))).toMatchObject(faultOf('duplicate-ek'));
      expect(await store.host(uuid(7))).toMatchObject({ state: 'approved', attestationKey: null });
    });

    it('are not approved while one of their keys is bound to another host', async () => {
      const store = await open();
      expectOk(await enrol(store, aHost(7, { endorsementKeys: [aKey(2), aKey(50)] })));
      expectOk(await enrol(store, aHost(8, { endorsementKeys: [aKey(50)] })));
      expectOk(await approve(store, 7, aKey(2).spkiHash));
      expectOk(await enrol(store, aHost(9, { endorsementKeys: [aKey(51), aKey(50)] })));
      expectOk(await approve(store, 8, aKey(50).spkiHash));
      expect(await store.host(uuid(9))).toBeUndefined();
      expect(await enrol(store, aHost(9, { endorsementKeys: [aKey(51), aKey(50)] }))).toMatchObject(
        faultOf('duplicate-ek'),
      );
    });

    it('give way, the oldest first, where too many wait', async () => {
      const store = await open();
      const at = (n: number) => aHost(n, { enrolledAt: later(n) });
      for (const n of [1, 2, 3]) expectOk(await enrol(store, at(n), 2));
      const ids = async () => (await store.hosts({ limit: 10 })).map(({ id }) => id);
      expect(await ids()).toEqual([uuid(2), uuid(3)]);
      expectOk(await enrol(store, at(2), 2)); // the same once more
      expect(await ids()).toEqual([uuid(2), uuid(3)]);
      expectOk(await approve(store, 2));
      expectOk(await enrol(store, at(4), 2));
      expect(await ids()).toEqual([uuid(2), uuid(3), uuid(4)]);
      expectOk(await enrol(store, at(5), 1));
      expect(await ids()).toEqual([uuid(2), uuid(5)]);
    });

    it('give way to others with their first key before strangers do', async () => {
      const store = await open();
      await enrolled(store, 1);
      const flood = Array.from({ length: PENDING_PER_KEY + 1 }, (_, n) =>
        aHost(10 + n, { endorsementKeys: [aKey(50)], enrolledAt: later(n) }),
      );
      for (const host of flood) expectOk(await enrol(store, host));
      const ids = (await store.hosts({ limit: 10 })).map(({ id }) => id);
      expect(ids).toEqual([uuid(1), ...flood.slice(1).map(({ id }) => id)]);
    });

    it('are forgotten when they have waited too long', async () => {
      const store = await open();
      for (const n of [1, 2, 3]) expectOk(await enrol(store, aHost(n, { enrolledAt: later(n) })));
      await approved(store, 4);
      expect(await store.prunePendingHosts({ enrolledBefore: later(2), limit: 10 })).toBe(1);
      expect(await store.prunePendingHosts({ enrolledBefore: later(9), limit: 1 })).toBe(1);
      expect(await store.prunePendingHosts({ enrolledBefore: later(9), limit: 10 })).toBe(1);
      expect((await store.hosts({ limit: 10 })).map(({ id }) => id)).toEqual([uuid(4)]);
      expect((await enrolled(store, 1)).state).toBe('pending');
    });

    it('with one key or one name become one approved host, however many ask at once', async () => {
      const [a, b] = await Promise.all([open(), open()]);
      const some = Array.from({ length: 40 }, (_, n) =>
        aHost(n, n % 4 < 2 ? { name: 'twin' } : { endorsementKeys: [aKey(7777)] }),
      );
      await Promise.all(some.map((host, n) => enrol(n % 2 ? a : b, host)));
      const outcomes = await Promise.all(
        some.map((host, n) => approve(n % 2 ? b : a, n, host.endorsementKeys[0].spkiHash)),
      );
      expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(2);
      expect(await a.countHosts()).toMatchObject({ approved: 2 });
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
        const gone = expectOk(await store.revokeHost(revocation(n)));
        expect(gone).toMatchObject({ state: 'revoked', revokedBy: 'bob', revocationReason: 'stolen' });
        expect(await store.host(uuid(n))).toEqual(gone);
        const head = await store.auditHead();
        const again = expectOk(await store.revokeHost({ ...revocation(n), by: 'carol', at: later(9000) }));
        expect(again).toEqual(gone);
        expect(await store.auditHead()).toEqual(head);
      }
      const { number, hosts } = await store.revocations(later(3000));
      expect({ number, hosts: hosts.map(({ id }) => id) }).toEqual({
        number: 3,
        hosts: [1, 2, 3].map(uuid),
      });
    });

    it('that were revoked while they waited bind nothing', async () => {
      const store = await open();
      await enrolled(store, 1);
      await revoked(store, 1);
      expect(await store.hostByName('node1')).toBeUndefined();
      expect(expectOk(await enrol(store, aHost(1, { id: uuid(9) })))).toMatchObject({ id: uuid(9), state: 'pending' });
      expectOk(await approve(store, 9, aKey(2).spkiHash));
    });

    it('that were revoked are removed by an operator: name, endorsement and attestation key are free again', async () => {
      const store = await open();
      expect(await store.removeHost(removal)).toMatchObject(faultOf('unknown-host'));
      for (const reach of [enrolled, approved, activated]) {
        await reach(store, 1);
        expect(await store.removeHost(removal)).toMatchObject(faultOf('host-not-revoked'));
      }
      const before = await revoked(store, 1);
      const removed = expectOk(await store.removeHost(removal));
      expect(removed).toEqual({ ...before, removedAt: later(4000), removedBy: 'carol' });
      expect(await store.host(uuid(1))).toEqual(removed);
      expect((await store.auditEntries({ after: 0, limit: 10 })).at(-1)?.kind).toBe('host.removed');
      expect(await store.hosts({ limit: 10 })).toEqual([]);
      expect(await store.countHosts()).toMatchObject({ revoked: 0 });
      expect((await store.revocations(later(5000))).hosts.map(({ id }) => id)).toEqual([uuid(1)]);
      const head = await store.auditHead();
      expect(expectOk(await store.removeHost({ ...removal, by: 'dave' }))).toEqual(removed);
      expect(await store.auditHead()).toEqual(head);

      const again = { activationId: uuid(500), hostId: uuid(9), attestationKey: keyOf(1) };
      expectOk(await enrol(store, aHost(1, { id: uuid(9) })));
      expectOk(await approve(store, 9, aKey(2).spkiHash));
      expectOk(await store.openActivation(anActivation(1, again)));
      expectOk(await store.completeActivation(aCompletion(1, { activationId: uuid(500) })));
      expect((await store.hostByName('node1'))?.id).toBe(uuid(9));
    });

    it('are listed by id, by state and in pages', async () => {
      const store = await open();
      for (const n of [3, 1, 2]) await enrolled(store, n);
      await approved(store, 4);
      const names = async (page: Parameters<AttestationStore['hosts']>[0]) =>
        (await store.hosts(page)).map((host) => host.name);
      expect(await store.countHosts()).toEqual({ pending: 3, approved: 1, active: 0, revoked: 0 });
      expect(await names({ limit: 10 })).toEqual(['node1', 'node2', 'node3', 'node4']);
      expect(await names({ limit: 2, after: uuid(1) })).toEqual(['node2', 'node3']);
      expect(await names({ limit: 10, state: 'approved' })).toEqual(['node4']);
      expect((await store.hosts({ limit: 1, after: uuid(3) }))[0]).toEqual(await store.host(uuid(4)));
      for (const limit of [0, -1, 1001, 1.5, Number.NaN])
        await expect(store.hosts({ limit })).rejects.toThrow(RangeError);
    });
  });
}
