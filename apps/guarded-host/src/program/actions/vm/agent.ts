import type { Result } from '@sekimori/result';
import { type AgentClient, findAgent } from '../../../agent/client.ts';
import type { HostSettings } from '../../../config.ts';
import type { CommandFault } from '../../command.ts';
import { PROGRAM } from '../../name.ts';

/** VMs are the agent's to start and to stop. `no-agent`. */
export async function theAgent(settings: HostSettings): Promise<Result<AgentClient, CommandFault>> {
  const agent = await findAgent(settings);
  if (agent === 'nobody')
    return noAgent(`no agent listens at ${settings.socket}`, `'${PROGRAM} run', or systemctl start sekimori-host`);
  if (agent === 'not-allowed')
    return noAgent(
      `the agent's socket ${settings.socket} may be opened by its own user only`,
      'run this as that user: root, as a rule',
    );
  return { ok: true, value: agent };
}

function noAgent(detail: string, hint: string): Result<never, CommandFault> {
  return { ok: false, fault: { code: 'no-agent', detail, hint } };
}
