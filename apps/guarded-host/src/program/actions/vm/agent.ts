import type { Result } from '@sekimori/result';
import { type AgentClient, runningAgent } from '../../../agent/client.ts';
import type { HostSettings } from '../../../config.ts';
import type { CommandFault } from '../../command.ts';
import { PROGRAM } from '../../name.ts';

/** VMs are the agent's to start and to stop. `no-agent`. */
export async function theAgent(settings: HostSettings): Promise<Result<AgentClient, CommandFault>> {
  const agent = await runningAgent(settings);
  if (agent) return { ok: true, value: agent };
  const detail = `no agent listens at ${settings.socket}`;
  return { ok: false, fault: { code: 'no-agent', detail, hint: `'${PROGRAM} run', or systemctl start sekimori-host` } };
}
