import type { KeyProtectionStatus } from '@sekimori/protocol';
import type { KeyProtectionDeps } from './deps.ts';

export const keyProtectionStatus =
  (deps: KeyProtectionDeps, startedAt: Date) => async (): Promise<KeyProtectionStatus> => {
    const { guardians, settings, signers, revocations, store } = deps;
    const { guardian } = guardians[0];
    return {
      service: 'key-protection',
      version: settings.version,
      startedAt: startedAt.toISOString(),
      guardian: { name: guardian.name, fingerprint: guardian.fingerprint },
      audience: settings.audience,
      minimumLevel: settings.minimumLevel,
      signers: signers.length,
      revocations: { number: revocations.number, ageSeconds: Math.round(revocations.ageSeconds ?? -1) },
      releases: await store.countReleases(),
      audit: await store.auditHead(),
      insecure: [...settings.insecure],
    };
  };
