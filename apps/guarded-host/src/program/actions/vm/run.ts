import { ok } from '@sekimori/result';
import type { HostSettings } from '../../../config.ts';
import { vmRoutes } from '../../../vm/api.ts';
import type { CommandResult, Invocation } from '../../command.ts';
import { table } from '../../table.ts';
import type { StartOptions, StopOptions } from '../../vm.ts';
import { theAgent } from './agent.ts';

export async function startAction(
  settings: HostSettings,
  { args: [name = ''], options: { fenced, lastKnownGood } }: Invocation<StartOptions>,
): Promise<CommandResult> {
  const agent = await theAgent(settings);
  if (!agent.ok) return agent;
  const body = { ...(fenced && { fenced }), ...(lastKnownGood && { lastKnownGood }) };
  const started = await agent.value.call(vmRoutes.start, { params: { name }, body });
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
  settings: HostSettings,
  { args: [name = ''], options: { grace } }: Invocation<StopOptions>,
): Promise<CommandResult> {
  const agent = await theAgent(settings);
  if (!agent.ok) return agent;
  const stopped = await agent.value.call(vmRoutes.stop, { params: { name }, body: { graceSeconds: grace } });
  return stopped.ok ? ok({ document: { name, ...stopped.value }, lines: [`${name}: ${stopped.value.how}`] }) : stopped;
}

export async function rekeyAction(settings: HostSettings, { args: [name = ''] }: Invocation): Promise<CommandResult> {
  const agent = await theAgent(settings);
  if (!agent.ok) return agent;
  const done = await agent.value.call(vmRoutes.rekey, { params: { name }, body: {} });
  if (!done.ok) return done;
  const { generation, disks } = done.value;
  const what = ['transport key', 'vTPM state', ...disks.map((disk) => `disk ${disk}`)];
  return ok({
    document: { name, ...done.value },
    lines: [`${name}: new keys for ${what.join(', ')}; generation ${generation}`],
  });
}
