import type { Hashing } from '@sekimori/audit-log';
import { fail, ok } from '@sekimori/result';
import type { GuardianRecord, KeyProtectionStore, ReleaseRecord } from '../key-protection-store.ts';
import { pageLimit } from '../paging.ts';
import { memoryAudit } from './audit.ts';
import { kept } from './state.ts';

/** Everything is gone with the process: for tests and for libraries without a database. */
export function memoryKeyProtectionStore(crypto: Hashing): KeyProtectionStore {
  const { append, audit } = memoryAudit(crypto);
  const releases: ReleaseRecord[] = [];
  const ids = new Set<string>();
  const guardians = new Map<string, GuardianRecord>();
  const seen = new Map<string, number>();
  const put = (guardian: GuardianRecord) => {
    guardians.set(guardian.fingerprint, guardian);
    return ok(structuredClone(guardian));
  };
  return {
    recordRelease: async ({ release, audit: draft }) => {
      if (ids.has(release.id)) return fail('duplicate-release', 'this release is recorded');
      const details = kept(release.details);
      append(draft);
      const record = { ...structuredClone(release), details, sequence: releases.length + 1 };
      releases.push(record);
      ids.add(record.id);
      return ok(structuredClone(record));
    },
    countReleases: async () => releases.length,
    releases: async ({ after, limit }) => structuredClone(releases.slice(after, after + pageLimit(limit))),
    addGuardian: async ({ guardian, audit: draft }) => {
      if (guardians.has(guardian.fingerprint)) return fail('duplicate-guardian', 'this guardian is known');
      append(draft);
      return put({ ...structuredClone(guardian), primary: guardians.size === 0, enabled: true });
    },
    setPrimaryGuardian: async ({ fingerprint, audit: draft }) => {
      const guardian = guardians.get(fingerprint);
      if (guardian === undefined) return fail('unknown-guardian', 'no such guardian');
      if (!guardian.enabled) return fail('guardian-disabled', 'a disabled guardian cannot be the primary');
      if (guardian.primary) return ok(structuredClone(guardian));
      append(draft);
      for (const other of guardians.values()) if (other.primary) put({ ...other, primary: false });
      return put({ ...guardian, primary: true });
    },
    setGuardianEnabled: async ({ fingerprint, enabled, audit: draft }) => {
      const guardian = guardians.get(fingerprint);
      if (guardian === undefined) return fail('unknown-guardian', 'no such guardian');
      if (guardian.enabled === enabled) return ok(structuredClone(guardian));
      if (guardian.primary) return fail('guardian-is-primary', 'make another guardian the primary first');
      append(draft);
      return put({ ...guardian, enabled });
    },
    guardians: async () => structuredClone([...guardians.values()]),
    seenRevocationNumber: async (issuer) => seen.get(issuer) ?? 0,
    seeRevocationNumber: async (issuer, number) => {
      const last = seen.get(issuer) ?? 0;
      if (number < last) return fail('went-back', `number ${last} was seen, now ${number}`);
      seen.set(issuer, number);
      return ok(number);
    },
    ...audit,
    close: async () => {},
  };
}
