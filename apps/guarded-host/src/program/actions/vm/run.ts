import { ok } from '@sekimori/result';
import type { AgentClient } from '../../../agent/client.ts';
import { vmRoutes } from '../../../vm/api.ts';
import type { CommandResult, Invocation } from '../../command.ts';
import { table } from '../../table.ts';
import type { StartOptions, StopOptions } from '../../vm.ts';

export async function startAction(
  agent: AgentClient,
  { args: [name = ''], options: { fenced, lastKnownGood } }: Invocation<StartOptions>,
): Promise<CommandResult> {
  const body = { ...(fenced && { fenced }), ...(lastKnownGood && { lastKnownGood }) };
  const started = await agent.call(vmRoutes.start, { params: { name }, body });
  if (!started.ok) return started;
  const { generation, pid, phases, usedLastKnownGood, traceId } = started.value;
  return ok({
    document: started.value,
    lines: table({
      vm: name,
      generation,
      pid: `${pid}`,
      took: phases.map(({ phase, millis }) => `${phase} ${Math.round(millis)} ms`).join(', '),
      state: usedLastKnownGood ? 'the last known good one' : undefined,
      'trace id': traceId,
    }),
  });
}

export async function stopAction(
  agent: AgentClient,
  { args: [name = ''], options: { grace } }: Invocation<StopOptions>,
): Promise<CommandResult> {
  const stopped = await agent.call(vmRoutes.stop, { params: { name }, body: { graceSeconds: grace } });
  return stopped.ok ? ok({ document: { name, ...stopped.value }, lines: [`${name}: ${stopped.value.how}`] }) : stopped;
}

export async function rekeyAction(agent: AgentClient, { args: [name = ''] }: Invocation): Promise<CommandResult> {
  const done = await agent.call(vmRoutes.rekey, { params: { name }, body: {} });
  if (!done.ok) return done;
  const { generation, disks } = done.value;
  const what = ['transport key', 'vTPM state', ...disks.map((disk) => `disk ${disk}`)];
  return ok({
    document: { name, ...done.value },
    lines: [`${name}: new keys for ${what.join(', ')}; generation ${generation}`],
  });
}
