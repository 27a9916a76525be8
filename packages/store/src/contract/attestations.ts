import { toHex, utf8 } from '@sekimori/bytes';
import type { Hashing } from '@sekimori/audit-log';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import type { AttestationStore } from '../attestation-store.ts';
import { CLOCK_GRACE_MILLIS } from '../attestations.ts';
import { aCertificate, aDraft, active, anAttestation, approved, faultOf, keyOf, later, uuid } from './fixtures.ts';

const REFUSED = { outcome: { kind: 'refused' } } as const;

export function attestationsContract(crypto: Hashing, open: () => Promise<AttestationStore>): void {
  describe('attestations', () => {
    it('leave verdict, log, counters and certificate', async () => {
      const store = await open();
      const host = await active(store, 1);
      const command = anAttestation(1, 1);
      const { verdictId, revoked } = expectOk(await store.recordAttestation(command));
      expect(revoked).toEqual([]);
      const { challengeHash, hostId, at, verdict, pcrs, counters } = command;
      const logDigest = toHex(crypto.hash('sha256', command.log));
      const { serial, notAfter } = aCertificate(1);
      expect(await store.verdicts(hostId, 10)).toEqual([
        {
          id: verdictId,
          outcome: 'good',
          certificateSerial: serial,
          hostId,
          at,
          verdict,
          pcrs,
          counters,
          logDigest,
          challengeHash,
        },
      ]);
      expect(await store.evidence(logDigest)).toEqual(command.log);
      expect(await store.evidence('00')).toBeUndefined();
      const lastVerdict = { at, outcome: 'good', certificateNotAfter: notAfter };
      expect(await store.host(hostId)).toEqual({ ...host, counters, lastVerdict });
      expect(await store.certificateStatus(serial)).toBe('good');
      expect(await store.certificateStatus('ff')).toBe('unknown');
    });

    it('use a challenge once, whatever the outcome', async () => {
      const store = await open();
      await active(store, 1);
      await active(store, 2);
      const { challengeHash } = anAttestation(1, 1);
      expectOk(await store.recordAttestation(anAttestation(1, 1, REFUSED)));
      for (const again of [
        anAttestation(2, 1, { challengeHash }),
        anAttestation(2, 1, { challengeHash, ...REFUSED }),
        anAttestation(2, 2, { challengeHash }),
      ])
        expect(await store.recordAttestation(again)).toMatchObject(faultOf('challenge-used'));
      expect(await store.verdicts(uuid(1), 10)).toHaveLength(1);
      expect(await store.verdicts(uuid(2), 10)).toHaveLength(0);
    });

    it('of which 200 use one challenge at once: one wins, also over two connections', async () => {
      const [a, b] = await Promise.all([open(), open()]);
      await active(a, 1);
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, n) =>
          (n % 2 ? a : b).recordAttestation(
            anAttestation(1, 1, { outcome: { kind: 'good', certificate: aCertificate(n) } }),
          ),
        ),
      );
      expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1);
      for (const outcome of outcomes) if (!outcome.ok) expect(outcome).toMatchObject(faultOf('challenge-used'));
      expect(await b.verdicts(uuid(1), 10)).toHaveLength(1);
      const kinds = (await b.auditEntries({ after: 0, limit: 100 })).map((entry) => entry.kind);
      expect(kinds.filter((kind) => kind === 'attestation.recorded')).toHaveLength(1);
    });

    it('with an expired challenge write nothing', async () => {
      const store = await open();
      await active(store, 1);
      const late = anAttestation(1, 1, { at: anAttestation(1, 1).challengeExpiresAt });
      expect(await store.recordAttestation(late)).toMatchObject(faultOf('challenge-expired'));
      expectOk(await store.recordAttestation(anAttestation(1, 1)));
    });

    it('of a host that is not what was appraised write nothing', async () => {
      const store = await open();
      expect(await store.recordAttestation(anAttestation(1, 1))).toMatchObject(faultOf('host-changed'));
      await approved(store, 1);
      expect(await store.recordAttestation(anAttestation(1, 1))).toMatchObject(faultOf('host-changed'));
      await active(store, 2);
      const otherKey = anAttestation(1, 2, { attestationKeyName: keyOf(1).name });
      expect(await store.recordAttestation(otherKey)).toMatchObject(faultOf('host-changed'));
      const revocation = { id: uuid(2), by: 'bob', reason: 'lost', at: later(1), audit: aDraft('host.revoked') };
      expectOk(await store.revokeHost(revocation));
      const head = await store.auditHead();
      for (const outcome of [{}, REFUSED])
        expect(await store.recordAttestation(anAttestation(1, 2, outcome))).toMatchObject(faultOf('host-changed'));
      expect(await store.auditHead()).toEqual(head);
      expect(await store.verdicts(uuid(2), 10)).toEqual([]);
    });

    it('take counters forward alone', async () => {
      const store = await open();
      await active(store, 1);
      const counters = { resetCount: 5, restartCount: 2, clock: 2n ** 64n - 9n, firmwareVersion: 2n ** 64n - 1n };
      let n = 1;
      const record = (change: object, outcome: object = {}) =>
        store.recordAttestation(anAttestation(n++, 1, { counters: { ...counters, ...change }, ...outcome }));
      expectOk(await record({}));
      expect((await store.host(uuid(1)))?.counters).toEqual(counters);
      for (const back of [
        { resetCount: 4, restartCount: 9, clock: 2n ** 64n - 1n },
        { restartCount: 1 },
        { clock: 2n ** 64n - 10n },
      ])
        expect(await record(back)).toMatchObject(faultOf('counters-went-back'));
      expectOk(await record({ clock: 2n ** 64n - 10n }, REFUSED)); // the refusal itself is recorded,
      expect((await store.host(uuid(1)))?.counters).toEqual(counters); // and takes nothing back
      for (const on of [
        {},
        { clock: 2n ** 64n - 1n },
        { restartCount: 3, clock: 1n },
        { resetCount: 6, restartCount: 0, clock: 0n },
      ])
        expectOk(await record(on));
    });

    it('that are refused revoke the outstanding certificates of their host', async () => {
      const store = await open();
      await active(store, 1);
      await active(store, 2);
      const expired = aCertificate(3, { notAfter: later(2000 - CLOCK_GRACE_MILLIS) });
      expectOk(await store.recordAttestation(anAttestation(1, 1)));
      expectOk(await store.recordAttestation(anAttestation(2, 1)));
      expectOk(await store.recordAttestation(anAttestation(3, 1, { outcome: { kind: 'good', certificate: expired } })));
      expectOk(await store.recordAttestation(anAttestation(4, 2)));
      const { revoked } = expectOk(await store.recordAttestation(anAttestation(5, 1, REFUSED)));
      const serials = [aCertificate(1).serial, aCertificate(2).serial];
      expect(revoked).toEqual(serials);
      expect(await store.certificateStatus(serials[0]!)).toBe('revoked');
      expect(await store.certificateStatus(aCertificate(4).serial)).toBe('good');
      expect(await store.revocations(later(2000))).toEqual({ number: 1, serials, hosts: [], denyIssuedBefore: null });
      expect((await store.host(uuid(1)))?.lastVerdict).toEqual({
        at: later(2000),
        outcome: 'refused',
        certificateNotAfter: null,
      });
      expectOk(await store.recordAttestation(anAttestation(6, 1, REFUSED))); // nothing outstanding: no new number
      expect((await store.revocations(later(2000))).number).toBe(1);
      expect((await store.verdicts(uuid(1), 2)).map((verdict) => verdict.outcome)).toEqual(['refused', 'refused']);
    });

    it('of a revoked host do not count: its certificates are revoked with it', async () => {
      const store = await open();
      await active(store, 1);
      expectOk(await store.recordAttestation(anAttestation(1, 1)));
      expectOk(
        await store.revokeHost({ id: uuid(1), by: 'bob', reason: 'lost', at: later(1), audit: aDraft('host.revoked') }),
      );
      const { serial, notAfter } = aCertificate(1);
      expect(await store.certificateStatus(serial)).toBe('revoked');
      expect(await store.revocations(later(1))).toMatchObject({ number: 1, serials: [serial], hosts: [uuid(1)] });
      const gone = new Date(notAfter.getTime() + CLOCK_GRACE_MILLIS);
      expect((await store.revocations(new Date(gone.getTime() - 1))).serials).toEqual([serial]);
      expect((await store.revocations(gone)).serials).toEqual([]);
    });

    it('keep a log once', async () => {
      const store = await open();
      await active(store, 1);
      await active(store, 2);
      const log = utf8('the same boot');
      expectOk(await store.recordAttestation(anAttestation(1, 1, { log })));
      expectOk(await store.recordAttestation(anAttestation(2, 2, { log })));
      const [one] = await store.verdicts(uuid(1), 1);
      const [two] = await store.verdicts(uuid(2), 1);
      expect(one?.logDigest).toBe(two?.logDigest);
      expect(await store.evidence(one!.logDigest)).toEqual(log);
    });

    it('deny certificates issued before a time that only moves on', async () => {
      const store = await open();
      const deny = (before: Date) => store.denyIssuedBefore({ before, audit: aDraft('policy.applied-now') });
      expectOk(await deny(later(10)));
      expect(await deny(later(9))).toMatchObject(faultOf('went-back'));
      expectOk(await deny(later(11)));
      expect(await store.revocations(later(0))).toMatchObject({ number: 2, denyIssuedBefore: later(11) });
    });

    it('forget used challenges well after they expired', async () => {
      const store = await open();
      await active(store, 1);
      for (const n of [1, 2, 3]) expectOk(await store.recordAttestation(anAttestation(n, 1)));
      const end = anAttestation(1, 1).challengeExpiresAt.getTime() + CLOCK_GRACE_MILLIS;
      expect(await store.pruneChallenges({ at: new Date(end), limit: 10 })).toBe(0);
      expect(await store.pruneChallenges({ at: new Date(end + 1), limit: 2 })).toBe(2);
      expect(await store.pruneChallenges({ at: new Date(end + 1), limit: 2 })).toBe(1);
      expect(await store.verdicts(uuid(1), 10)).toHaveLength(3);
    });

    it('write all or nothing', async () => {
      const store = await open();
      await active(store, 1);
      expectOk(await store.recordAttestation(anAttestation(1, 1)));
      const before = [await store.auditHead(), await store.host(uuid(1))];
      const certificate = aCertificate(1); // a serial that is taken: a bug of the caller
      await expect(
        store.recordAttestation(anAttestation(2, 1, { outcome: { kind: 'good', certificate } })),
      ).rejects.toThrow();
      const audit = [{ ...aDraft('attestation.recorded'), kind: 'Not A Kind' }] as const;
      await expect(store.recordAttestation(anAttestation(2, 1, { audit }))).rejects.toThrow(TypeError);
      await expect(
        store.recordAttestation(anAttestation(2, 1, { verdict: new Date(0) as unknown as null })),
      ).rejects.toThrow(TypeError);
      expect([await store.auditHead(), await store.host(uuid(1))]).toEqual(before);
      expectOk(await store.recordAttestation(anAttestation(2, 1))); // the challenge is still good
    });
  });
}
