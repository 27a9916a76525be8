import { attestationRoutes } from '@sekimori/protocol';
import { ok } from '@sekimori/result';
import type { Handlers } from '@sekimori/service-kit';
import { captureBaseline, listBaselines, retireBaseline } from './admin/baselines.ts';
import { approveHost, listHosts, removeHost, revokeHost, showHost } from './admin/hosts.ts';
import { applyPolicyNow, setPolicy, showPolicy } from './admin/policy.ts';
import { attestationStatus } from './admin/status.ts';
import { addTpmRoot, listTpmRoots, removeTpmRoot } from './admin/tpm-roots.ts';
import { attest } from './attest/attest.ts';
import { openChallenge } from './challenge/open-challenge.ts';
import type { AttestationDeps } from './deps.ts';
import { completeActivation, openActivation } from './enrol/activation.ts';
import { enrolHost } from './enrol/enrol-host.ts';
import { showHostStatus } from './enrol/host-status.ts';
import { RevocationFeed } from './revocations.ts';
import { toBase64Url } from './wire.ts';

/** Each route translates and decides nothing. */
export function attestationHandlers(
  deps: AttestationDeps,
  startedAt: Date,
  feed = new RevocationFeed(deps),
): Handlers<typeof attestationRoutes> {
  const useCase = {
    enrolHost: enrolHost(deps),
    hostStatus: showHostStatus(deps),
    openActivation: openActivation(deps),
    completeActivation: completeActivation(deps),
    openChallenge: openChallenge(deps),
    attest: attest(deps),
    status: attestationStatus(deps, startedAt),
    listHosts: listHosts(deps),
    showHost: showHost(deps),
    approveHost: approveHost(deps),
    revokeHost: revokeHost(deps),
    removeHost: removeHost(deps),
    listBaselines: listBaselines(deps),
    captureBaseline: captureBaseline(deps),
    retireBaseline: retireBaseline(deps),
    listTpmRoots: listTpmRoots(deps),
    addTpmRoot: addTpmRoot(deps),
    removeTpmRoot: removeTpmRoot(deps),
    showPolicy: showPolicy(deps),
    setPolicy: setPolicy(deps),
    applyPolicyNow: applyPolicyNow(deps),
  };
  const { certificate, ca } = deps.signer;
  return {
    enrolHost: ({ body }) => useCase.enrolHost(body),
    hostStatus: ({ params }) => useCase.hostStatus(params.id),
    openActivation: ({ params, body }) => useCase.openActivation({ hostId: params.id, ...body }),
    completeActivation: ({ params, body, traceId }) =>
      useCase.completeActivation({ activationId: params.id, ...body }, traceId),
    challenge: ({ body }) => useCase.openChallenge(body.hostId),
    attest: ({ body, traceId }) => useCase.attest(body, traceId),
    signers: async () => ok({ signers: [toBase64Url(certificate.der)], ca: toBase64Url(ca.der) }),
    revocations: async () => ok({ statement: await feed.statement() }),
    attestationStatus: async () => ok(await useCase.status()),
    listHosts: async ({ query }) => ok({ hosts: [...(await useCase.listHosts(query))] }),
    showHost: ({ params }) => useCase.showHost(params.id),
    approveHost: ({ params, body, actor, traceId }) => useCase.approveHost({ ...params, ...body }, { actor, traceId }),
    revokeHost: ({ params, body, actor, traceId }) => useCase.revokeHost({ ...params, ...body }, { actor, traceId }),
    removeHost: ({ params, actor, traceId }) => useCase.removeHost(params.id, { actor, traceId }),
    listBaselines: async () => ok({ baselines: [...(await useCase.listBaselines())] }),
    captureBaseline: ({ body, actor, traceId }) => useCase.captureBaseline(body, { actor, traceId }),
    retireBaseline: ({ params, body, actor, traceId }) =>
      useCase.retireBaseline({ ...params, ...body }, { actor, traceId }),
    showPolicy: async () => ok(await useCase.showPolicy()),
    setPolicy: ({ body, actor, traceId }) => useCase.setPolicy(body, { actor, traceId }),
    applyPolicyNow: async ({ actor, traceId }) => ok(await useCase.applyPolicyNow({ actor, traceId })),
    listTpmRoots: async () => ok({ roots: [...(await useCase.listTpmRoots())] }),
    addTpmRoot: ({ body, actor, traceId }) => useCase.addTpmRoot(body, { actor, traceId }),
    removeTpmRoot: ({ params, actor, traceId }) => useCase.removeTpmRoot(params.fingerprint, { actor, traceId }),
    listAudit: async ({ query }) => {
      // The head first: entries that come in between are more than it says, never fewer.
      const head = await deps.store.auditHead();
      const entries = await deps.store.auditEntries({ after: query.after ?? 0, limit: query.limit ?? 100 });
      return ok({ entries: [...entries], head });
    },
  };
}
