import { toBase64Url } from '@sekimori/bytes';
import type { keyProtectionRoutes } from '@sekimori/protocol';
import { ok } from '@sekimori/result';
import type { Handlers } from '@sekimori/service-kit';
import type { KeyProtectionDeps } from './deps.ts';
import { release } from './release/release.ts';
import { keyProtectionStatus } from './status.ts';

/** Each route translates and decides nothing. */
export function keyProtectionHandlers(deps: KeyProtectionDeps, startedAt: Date): Handlers<typeof keyProtectionRoutes> {
  const releaseUseCase = release(deps);
  const status = keyProtectionStatus(deps, startedAt);
  const { guardian } = deps.guardians[0];
  const published = { name: guardian.name, fingerprint: guardian.fingerprint, metadata: toBase64Url(deps.metadata) };
  return {
    guardian: async () => ok(published),
    release: ({ body, client, traceId }) =>
      releaseUseCase(body, { clientKeyHash: client.certificateSpkiHash, traceId }),
    keyProtectionStatus: async () => ok(await status()),
    listReleases: async ({ query }) => {
      const releases = await deps.store.releases({ after: query.after ?? 0, limit: query.limit ?? 100 });
      return ok({
        releases: releases.map((record) => ({
          sequence: record.sequence,
          at: record.at.toISOString(),
          ...shown(record.details),
          hostId: record.hostId,
          certificateSerial: record.certificateSerial,
          guardian: record.guardianFingerprint,
          ingress: record.ingressDigest,
          egress: record.egressDigest,
        })),
      });
    },
    listKeyProtectionAudit: async ({ query }) => {
      // The head first: entries that come in between are more than it says, never fewer.
      const head = await deps.store.auditHead();
      const entries = await deps.store.auditEntries({ after: query.after ?? 0, limit: query.limit ?? 100 });
      return ok({ entries: [...entries], head });
    },
  };
}

/** What the release use case wrote. */
function shown(details: unknown): { readonly owner: string; readonly traceId: string } {
  const { owner, traceId } = details as { readonly owner: string; readonly traceId: string };
  return { owner, traceId };
}
