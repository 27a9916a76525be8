import { ok } from '@sekimori/result';
import { createLogger, runService } from '@sekimori/service-kit/daemon';
import { startAgent } from '../../agent/agent.ts';
import type { HostSettings } from '../../config.ts';
import type { CommandResult, Invocation } from '../command.ts';
import { EXIT } from '../exit.ts';
import { openVirtualMachines } from '../../vm/open.ts';
import { vmAgentRoutes } from '../../vm/routes.ts';
import type { VirtualMachines } from '../../vm/virtual-machines.ts';
import { PROGRAM, version } from '../name.ts';

/** Ends with 0 when it was told to stop by SIGTERM or SIGINT; with 1 where the VMs that run already cannot be taken up. */
export async function runAction(settings: HostSettings, { env }: Invocation): Promise<CommandResult> {
  const logger = createLogger({ service: PROGRAM, level: env['SEKIMORI_LOG_LEVEL'] });
  const opened = Promise.withResolvers<VirtualMachines>();
  const agent = await startAgent({ settings, version: version(), logger, routes: vmAgentRoutes(opened.promise) });
  if (!agent.ok) return agent;
  const status = await runService({ program: PROGRAM, logger }, async ({ onStop }) => {
    onStop('agent', async () => {
      await opened.promise.catch(() => {}); // what is being taken up, the agent lets go of
      await agent.value.close();
    });
    opened.resolve(openVirtualMachines(agent.value.context, env));
    await opened.promise;
    return ok(undefined);
  });
  return ok({ document: { stopped: true }, lines: [], status: status === 0 ? EXIT.done : EXIT.failed });
}
