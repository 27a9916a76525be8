import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { OPEN_ACTIVATIONS } from '../activations.ts';
import type { AttestationStore } from '../attestation-store.ts';
import { aCompletion, aDraft, active, anActivation, approved, enrolled, faultOf, hex } from './fixtures.ts';
import { keyOf, later, uuid } from './fixtures.ts';

export function activationsContract(open: () => Promise<AttestationStore>): void {
  const revocation = { id: uuid(1), by: 'bob', reason: 'lost', at: later(1), audit: aDraft('host.revoked') };

  describe('activations', () => {
    it('bind the attestation key to an approved host', async () => {
      const store = await open();
      const before = await approved(store, 1);
      const { proofHash: _, ...shown } = anActivation(1);
      expect(expectOk(await store.openActivation(anActivation(1)))).toEqual(shown);
      expect(await store.activation(shown.activationId)).toEqual(shown);
      const host = expectOk(await store.completeActivation(aCompletion(1)));
      expect(host).toEqual({ ...before, state: 'active', attestationKey: keyOf(1) });
      expect(await store.host(host.id)).toEqual(host);
      expect(await store.activation(shown.activationId)).toBeUndefined();
      expect((await store.auditEntries({ after: 0, limit: 10 })).at(-1)?.kind).toBe('host.activated');
    });

    it('are opened for approved hosts alone', async () => {
      const store = await open();
      expect(await store.openActivation(anActivation(1))).toMatchObject(faultOf('unknown-host'));
      await enrolled(store, 1);
      expect(await store.openActivation(anActivation(1))).toMatchObject(faultOf('host-not-approved'));
      expectOk(await store.revokeHost(revocation));
      expect(await store.openActivation(anActivation(1))).toMatchObject(faultOf('host-not-approved'));
      await active(store, 2);
      expect(await store.openActivation(anActivation(2))).toMatchObject(faultOf('host-not-approved'));
    });

    it('are consumed by a wrong proof', async () => {
      const store = await open();
      const host = await approved(store, 1);
      expectOk(await store.openActivation(anActivation(1)));
      const wrong = aCompletion(1, { proofHash: hex(2) });
      expect(await store.completeActivation(wrong)).toMatchObject(faultOf('activation-failed'));
      expect(await store.completeActivation(aCompletion(1))).toMatchObject(faultOf('unknown-activation'));
      expect(await store.host(host.id)).toEqual({ ...host, activationFailedAt: later(1000) });
      const kinds = (await store.auditEntries({ after: 0, limit: 10 })).map((entry) => entry.kind);
      expect(kinds).toEqual(['host.approved', 'host.activation-failed']);
    });

    it('expire', async () => {
      const store = await open();
      await approved(store, 1);
      expectOk(await store.openActivation(anActivation(1)));
      const late = aCompletion(1, { at: anActivation(1).expiresAt });
      expect(await store.completeActivation(late)).toMatchObject(faultOf('activation-expired'));
      expect(await store.completeActivation(aCompletion(1))).toMatchObject(faultOf('unknown-activation'));
    });

    it('replace the older one for the same attestation key, and no other', async () => {
      const store = await open();
      await approved(store, 1);
      expectOk(await store.openActivation(anActivation(1)));
      expectOk(await store.openActivation(anActivation(1, { activationId: uuid(76), attestationKey: keyOf(5) })));
      expectOk(await store.openActivation(anActivation(1, { activationId: uuid(77) })));
      expect(await store.completeActivation(aCompletion(1))).toMatchObject(faultOf('unknown-activation'));
      const wrong = aCompletion(1, { activationId: uuid(76), proofHash: hex(2) });
      expect(await store.completeActivation(wrong)).toMatchObject(faultOf('activation-failed'));
      const host = expectOk(await store.completeActivation(aCompletion(1, { activationId: uuid(77) })));
      expect(host.attestationKey).toEqual(keyOf(1));
    });

    it('are so many of one host, the one that ends first gives way, and all end with the first that holds', async () => {
      const store = await open();
      await approved(store, 1);
      const ids = Array.from({ length: OPEN_ACTIVATIONS + 1 }, (_, n) => uuid(500 + n));
      for (const [n, activationId] of ids.entries()) {
        const more = { activationId, attestationKey: keyOf(100 + n), expiresAt: later(60_000 + n) };
        expectOk(await store.openActivation(anActivation(1, more)));
      }
      const isOpen = await Promise.all(ids.map(async (id) => (await store.activation(id)) !== undefined));
      expect(isOpen).toEqual([false, ...Array<boolean>(OPEN_ACTIVATIONS).fill(true)]);
      expectOk(await store.completeActivation(aCompletion(1, { activationId: ids[2]! })));
      for (const id of ids) expect(await store.activation(id)).toBeUndefined();
    });

    it('that fail stand in the audit log once a minute', async () => {
      const store = await open();
      await approved(store, 1);
      for (const millis of [1000, 1001, 60_999, 61_000, 62_000]) {
        expectOk(await store.openActivation(anActivation(1, { expiresAt: later(120_000) })));
        await store.completeActivation(aCompletion(1, { proofHash: hex(2), at: later(millis) }));
      }
      const kinds = (await store.auditEntries({ after: 0, limit: 20 })).map((entry) => entry.kind);
      expect(kinds.filter((kind) => kind === 'host.activation-failed')).toHaveLength(2);
      expect((await store.host(uuid(1)))?.activationFailedAt).toEqual(later(61_000));
    });

    it('end with the revocation of their host', async () => {
      const store = await open();
      await approved(store, 1);
      expectOk(await store.openActivation(anActivation(1)));
      expectOk(await store.revokeHost(revocation));
      expect(await store.completeActivation(aCompletion(1))).toMatchObject(faultOf('unknown-activation'));
      expect(await store.host(uuid(1))).toMatchObject({ state: 'revoked', attestationKey: null });
    });

    it('never give one attestation key to two hosts', async () => {
      const store = await open();
      await active(store, 1);
      await approved(store, 2);
      expectOk(await store.openActivation(anActivation(2, { attestationKey: keyOf(1) })));
      expect(await store.completeActivation(aCompletion(2))).toMatchObject(faultOf('duplicate-attestation-key'));
      expect(await store.host(uuid(2))).toMatchObject({ state: 'approved', attestationKey: null });
    });

    it('have one winner, also over two connections, and the key stays the winner’s', async () => {
      const [a, b] = await Promise.all([open(), open()]);
      await approved(a, 1);
      expectOk(await a.openActivation(anActivation(1)));
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, n) => (n % 2 ? a : b).completeActivation(aCompletion(1))),
      );
      expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1);
      for (const outcome of outcomes) if (!outcome.ok) expect(outcome).toMatchObject(faultOf('unknown-activation'));
      // and whoever comes with another key for the same host
      const races = await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          const store = n % 2 ? a : b;
          const id = { activationId: uuid(500 + n) };
          const opened = await store.openActivation(anActivation(1, { ...id, attestationKey: keyOf(100 + n) }));
          return opened.ok ? store.completeActivation(aCompletion(1, id)) : opened;
        }),
      );
      expect(races.some((outcome) => outcome.ok)).toBe(false);
      expect((await b.host(uuid(1)))?.attestationKey).toEqual(keyOf(1));
    });

    it('that race with different keys set one of them', async () => {
      const [a, b] = await Promise.all([open(), open()]);
      await approved(a, 1);
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          const store = n % 2 ? a : b;
          const id = { activationId: uuid(500 + n) };
          const opened = await store.openActivation(anActivation(1, { ...id, attestationKey: keyOf(100 + n) }));
          return opened.ok ? store.completeActivation(aCompletion(1, id)) : opened;
        }),
      );
      const winners = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
      expect(winners).toHaveLength(1);
      expect(await b.host(uuid(1))).toEqual(winners[0]);
    });
  });
}
