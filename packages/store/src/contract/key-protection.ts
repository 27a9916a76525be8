import type { Hashing } from '@sekimori/audit-log';
import { utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyProtectionStore } from '../key-protection-store.ts';
import { auditContract } from './audit.ts';
import { aDraft, faultOf, hex, START, uuid } from './fixtures.ts';

/**
 * What every KeyProtectionStore must do. `fresh` makes an empty database and gives the way to open it: each call is one
 * more connection, where the adapter has such.
 */
export function keyProtectionStoreContract(
  name: string,
  crypto: Hashing,
  fresh: () => Promise<() => Promise<KeyProtectionStore>>,
): void {
  const release = (n: number) => ({
    release: {
      id: uuid(n),
      at: START,
      hostId: uuid(1),
      certificateSerial: '0a',
      guardianFingerprint: hex(1),
      ingressDigest: hex(2),
      egressDigest: hex(3 + n),
      details: { fork: false },
    },
    audit: aDraft('release.granted'),
  });
  const guardian = (n: number) => ({
    guardian: {
      fingerprint: hex(n),
      signingCertificate: utf8(`signing ${n}`),
      encryptionCertificate: utf8(`encryption ${n}`),
      signature: utf8(`signature ${n}`),
      addedAt: START,
    },
    audit: aDraft('kps-key.added'),
  });
  const named = (n: number) => ({ fingerprint: hex(n), audit: aDraft('kps-key.changed') });

  describe(`KeyProtectionStore: ${name}`, () => {
    let connections: () => Promise<KeyProtectionStore>;
    const opened: KeyProtectionStore[] = [];
    const open = async () => {
      const store = await connections();
      opened.push(store);
      return store;
    };
    beforeEach(async () => {
      connections = await fresh();
    });
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });

    it('records releases in order', async () => {
      const store = await open();
      for (const n of [3, 1, 2]) {
        const record = expectOk(await store.recordRelease(release(n)));
        expect(record).toEqual({ ...release(n).release, sequence: record.sequence });
      }
      expect(await store.recordRelease(release(1))).toMatchObject(faultOf('duplicate-release'));
      const all = await store.releases({ after: 0, limit: 10 });
      expect(await store.countReleases()).toBe(all.length);
      expect(all.map(({ id }) => id)).toEqual([uuid(3), uuid(1), uuid(2)]);
      expect(await store.releases({ after: all[1]!.sequence, limit: 10 })).toEqual([all[2]]);
      expect(await store.auditEntries({ after: 0, limit: 10 })).toHaveLength(3);
    });

    it('records one release of one id, also over two connections', async () => {
      const [a, b] = await Promise.all([open(), open()]);
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, (_, n) => (n % 2 ? a : b).recordRelease(release(1))),
      );
      expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1);
    });

    it('knows guardians, one of them primary', async () => {
      const store = await open();
      const first = expectOk(await store.addGuardian(guardian(2)));
      expect(first).toEqual({ ...guardian(2).guardian, primary: true, enabled: true });
      const second = expectOk(await store.addGuardian(guardian(1)));
      expect(second).toMatchObject({ primary: false, enabled: true });
      expect(await store.addGuardian(guardian(1))).toMatchObject(faultOf('duplicate-guardian'));
      expect(await store.guardians()).toEqual([first, second]);
      expect(expectOk(await store.setPrimaryGuardian(named(1)))).toEqual({ ...second, primary: true });
      expect((await store.guardians()).map(({ primary }) => primary)).toEqual([false, true]);
    });

    it('keeps the primary guardian enabled', async () => {
      const store = await open();
      expectOk(await store.addGuardian(guardian(1)));
      expectOk(await store.addGuardian(guardian(2)));
      const disable = (n: number) => store.setGuardianEnabled({ ...named(n), enabled: false });
      expect(await disable(1)).toMatchObject(faultOf('guardian-is-primary'));
      expect(expectOk(await disable(2)).enabled).toBe(false);
      expect(await store.setPrimaryGuardian(named(2))).toMatchObject(faultOf('guardian-disabled'));
      expect(await store.setPrimaryGuardian(named(3))).toMatchObject(faultOf('unknown-guardian'));
      expect(await disable(3)).toMatchObject(faultOf('unknown-guardian'));
      expectOk(await store.setGuardianEnabled({ ...named(2), enabled: true }));
      expectOk(await store.setPrimaryGuardian(named(2)));
      expectOk(await disable(1));
    });

    it('never lets a revocation feed go back', async () => {
      const [a, b] = await Promise.all([open(), open()]);
      expect(await a.seenRevocationNumber('hgs.one')).toBe(0);
      expectOk(await a.seeRevocationNumber('hgs.one', 7));
      expectOk(await b.seeRevocationNumber('hgs.one', 7));
      expect(await b.seeRevocationNumber('hgs.one', 6)).toMatchObject(faultOf('went-back'));
      expectOk(await b.seeRevocationNumber('hgs.one', 9));
      expect(await a.seenRevocationNumber('hgs.one')).toBe(9);
      expect(await a.seenRevocationNumber('hgs.two')).toBe(0);
    });

    auditContract(crypto, open);
  });
}
