import { toHex, utf8 } from '@sekimori/bytes';
import type { Hashing } from '@sekimori/audit-log';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import type { AttestationStore } from '../attestation-store.ts';
import { CLOCK_GRACE_MILLIS, KEPT_VERDICTS } from '../attestations.ts';
import { aCertificate, aDraft, active, anAttestation, approved, faultOf, keyOf, later, uuid } from './fixtures.ts';

const REFUSED = { outcome: { kind: 'refused' } } as const;
const LATE = { outcome: { kind: 'late' } } as const;

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
      expect(await store.isChallengeUsed(challengeHash)).toBe(false);
      expectOk(await store.recordAttestation(anAttestation(1, 1, REFUSED)));
      expect(await store.isChallengeUsed(challengeHash)).toBe(true);
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
        for (const outcome of [{}, REFUSED])
          expect(await record(back, outcome)).toMatchObject(faultOf('counters-went-back'));
      const { lastVerdict } = (await store.host(uuid(1)))!;
      expectOk(await record({ clock: 2n ** 64n - 10n }, LATE)); // that it came late is recorded, and takes nothing back
      expect(await store.host(uuid(1))).toMatchObject({ counters, lastVerdict });
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
      const hosts = [{ id: uuid(1), before: later(2000) }]; // one entry, however many certificates
      expect(await store.revocations(later(2000))).toEqual({ number: 1, hosts, denyIssuedBefore: null });
      expect((await store.host(uuid(1)))?.lastVerdict).toEqual({
        at: later(2000),
        outcome: 'refused',
        certificateNotAfter: null,
      });
      expectOk(await store.recordAttestation(anAttestation(6, 1, REFUSED))); // nothing outstanding: no new number
      expect((await store.revocations(later(2000))).number).toBe(1);
      expect((await store.verdicts(uuid(1), 2)).map((verdict) => verdict.outcome)).toEqual(['refused', 'refused']);
    });

    it('that come late are on record, use up their challenge, and revoke nothing', async () => {
      const store = await open();
      await active(store, 1);
      expectOk(await store.recordAttestation(anAttestation(2, 1)));
      const late = anAttestation(1, 1, LATE);
      expect(expectOk(await store.recordAttestation(late)).revoked).toEqual([]);
      expect(await store.recordAttestation(late)).toMatchObject(faultOf('challenge-used'));
      expect((await store.verdicts(uuid(1), 1))[0]).toMatchObject({ outcome: 'refused', certificateSerial: null });
      expect(await store.certificateStatus(aCertificate(2).serial)).toBe('good');
      expect(await store.revocations(later(2000))).toMatchObject({ number: 0, hosts: [] });
    });

    it('deny the evidence of what they revoke, also where that is newer by the clock of another node', async () => {
      const store = await open();
      await active(store, 1);
      const good = (n: number, evidence: number, notAfter: Date) => {
        const certificate = aCertificate(n, { evidenceTime: later(evidence), notAfter });
        return store.recordAttestation(anAttestation(n, 1, { outcome: { kind: 'good', certificate } }));
      };
      const [short, long] = [later(100_000), later(900_000)];
      const denied = async (at: Date) => (await store.revocations(at)).hosts;
      expectOk(await good(1, 1000, long));
      expectOk(await good(2, 9000, short));
      expectOk(await store.recordAttestation(anAttestation(3, 1, REFUSED)));
      expect(await denied(later(2000))).toEqual([{ id: uuid(1), before: later(9000) }]);
      expectOk(await good(4, 9500, short));
      expectOk(await store.recordAttestation(anAttestation(5, 1, { ...REFUSED, at: later(9800) })));
      const gone = long.getTime() + CLOCK_GRACE_MILLIS; // as long as any of them lives
      expect(await denied(new Date(gone - 1))).toEqual([{ id: uuid(1), before: later(9800) }]);
      expect(await denied(new Date(gone))).toEqual([]);
    });

    it('of a revoked host do not count: it is revoked, whatever becomes of its certificates', async () => {
      const store = await open();
      await active(store, 1);
      expectOk(await store.recordAttestation(anAttestation(1, 1)));
      expectOk(await store.recordAttestation(anAttestation(2, 1, REFUSED)));
      expectOk(await store.recordAttestation(anAttestation(3, 1)));
      expectOk(
        await store.revokeHost({ id: uuid(1), by: 'bob', reason: 'lost', at: later(1), audit: aDraft('host.revoked') }),
      );
      const { serial, notAfter } = aCertificate(3);
      expect(await store.certificateStatus(serial)).toBe('revoked');
      const hosts = [{ id: uuid(1), before: null }];
      expect(await store.revocations(later(1))).toMatchObject({ number: 2, hosts });
      expect((await store.revocations(new Date(notAfter.getTime() + CLOCK_GRACE_MILLIS))).hosts).toEqual(hosts);
    });

    it('are kept as the newest of each host, with the logs that those are about', async () => {
      const store = await open();
      await active(store, 1);
      await active(store, 2);
      const digestOf = (text: string) => toHex(crypto.hash('sha256', utf8(text)));
      const common = { log: utf8('common') };
      expectOk(await store.recordAttestation(anAttestation(100, 2, common)));
      for (let n = 1; n <= KEPT_VERDICTS; n++)
        expectOk(await store.recordAttestation(anAttestation(n, 1, n === 1 ? common : { log: utf8(`log ${n}`) })));
      const before = await store.verdicts(uuid(1), 100);
      expect(before).toHaveLength(KEPT_VERDICTS);
      expect(expectOk(await store.recordAttestation(anAttestation(101, 1))).verdictId).toBe(before[0]!.id + 1);
      expect((await store.verdicts(uuid(1), 100)).slice(1)).toEqual(before.slice(0, -1));
      expect(await store.evidence(digestOf('common'))).toEqual(common.log); // of the other host
      expectOk(await store.recordAttestation(anAttestation(102, 1)));
      expect(await store.evidence(digestOf('log 2'))).toBeUndefined();
      expect(await store.evidence(digestOf('log 3'))).toEqual(utf8('log 3'));
      expect(await store.verdicts(uuid(2), 100)).toHaveLength(1);
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

    it('forget certificates well after they ended', async () => {
      const store = await open();
      await active(store, 1);
      for (const n of [1, 2, 3]) {
        const certificate = aCertificate(n, { notAfter: later(n === 3 ? 9000 : 5000) });
        expectOk(await store.recordAttestation(anAttestation(n, 1, { outcome: { kind: 'good', certificate } })));
      }
      const prune = (millis: number) => store.pruneCertificates({ at: later(millis + CLOCK_GRACE_MILLIS), limit: 1 });
      expect(await prune(4999)).toBe(0);
      expect([await prune(5000), await prune(5000), await prune(5000)]).toEqual([1, 1, 0]);
      expect(await store.certificateStatus(aCertificate(1).serial)).toBe('unknown');
      expect(await store.certificateStatus(aCertificate(3).serial)).toBe('good');
      expect((await store.verdicts(uuid(1), 10)).map((verdict) => verdict.certificateSerial)).toContain(
        aCertificate(1).serial,
      );
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
