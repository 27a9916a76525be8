import { ok } from '@sekimori/result';
import type { AgentClient } from '../../../agent/client.ts';
import { vmRoutes } from '../../../vm/api.ts';
import type { CommandResult, Invocation } from '../../command.ts';
import { columns, table } from '../../table.ts';

export async function listAction(agent: AgentClient): Promise<CommandResult> {
  const listed = await agent.call(vmRoutes.list);
  if (!listed.ok) return listed;
  const rows = listed.value.vms.map(({ name, state, security, host, folder }) => [
    name,
    host === undefined ? state : `${state}: ${host}`,
    security ?? '-',
    folder,
  ]);
  return ok({
    document: listed.value,
    lines: rows.length === 0 ? [] : columns(['NAME', 'STATE', 'SECURITY', 'FOLDER'], rows),
  });
}

export async function showAction(agent: AgentClient, { args: [name = ''] }: Invocation): Promise<CommandResult> {
  const shown = await agent.call(vmRoutes.show, { params: { name } });
  if (!shown.ok) return shown;
  const { state, host, security, folder, id, generation, startedAt, pid, guest, lastRun, sockets } = shown.value;
  return ok({
    document: shown.value,
    lines: table({
      vm: name,
      state: host === undefined ? state : `${state}: ${host}`,
      'security policy': security,
      id,
      folder,
      generation,
      since: startedAt,
      pid: pid === undefined ? undefined : `${pid}`,
      guest: guest && `${guest.state}${guest.asksForRecovery ? ', asks its owner for recovery' : ''}`,
      'the guest says': guest && guest.notes.length > 0 ? guest.notes.join('; ') : undefined,
      'last run':
        lastRun &&
        `ended ${lastRun.endedAt}${lastRun.fenced ? ', taken over by another host' : ''}, guest ${lastRun.guest.state}`,
      ...sockets,
    }),
  });
}
