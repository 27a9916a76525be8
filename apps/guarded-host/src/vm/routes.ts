import { fromBase64Url, toBase64Url } from '@sekimori/bytes';
import { fail, ok } from '@sekimori/result';
import { type AgentRoute, agentRoute } from '../agent/routes.ts';
import { vmRoutes } from './api.ts';
import type { VirtualMachines } from './virtual-machines.ts';

/** The agent's routes for VMs; they wait until what ran before was taken up. */
export function vmAgentRoutes(opened: Promise<VirtualMachines>): readonly AgentRoute[] {
  return [
    agentRoute(vmRoutes.list, async () => ok({ vms: [...(await (await opened).list())] })),
    agentRoute(vmRoutes.show, async ({ params }) => (await opened).show(params.name)),
    agentRoute(vmRoutes.start, async ({ params, body }) => (await opened).start(params.name, body)),
    agentRoute(vmRoutes.stop, async ({ params, body }) => (await opened).stop(params.name, body)),
    agentRoute(vmRoutes.rekey, async ({ params }) => (await opened).rekey(params.name)),
    agentRoute(vmRoutes.recoveryRequest, async ({ params }) => {
      const request = (await opened).running(params.name)?.recoveryRequest;
      return request
        ? ok({ request: toBase64Url(request) })
        : fail('vm-asks-nothing', `${params.name} does not ask for recovery`);
    }),
    agentRoute(vmRoutes.recoveryAnswer, async ({ params, body }) => {
      const answer = fromBase64Url(body.answer);
      if (!answer) return fail('malformed', 'the answer is not base64url');
      const given = (await opened).running(params.name)?.answerRecovery(answer);
      if (!given) return fail('vm-not-running', `${params.name} does not run on this host`);
      return given.ok ? ok({}) : given;
    }),
  ];
}
