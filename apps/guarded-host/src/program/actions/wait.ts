import { setTimeout as sleep } from 'node:timers/promises';
import { ok, type Result } from '@sekimori/result';
import { runningAgent } from '../../agent/client.ts';
import { agentRoutes } from '../../agent/api.ts';
import type { HostSettings } from '../../config.ts';
import { hostFault } from '../../faults.ts';
import { healthAtHand } from '../../in-order.ts';
import type { CommandFault, CommandResult, Invocation } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { WaitOptions } from '../wait.ts';
import { withHost } from './with-host.ts';

const PAUSE_MILLIS = 1000;

/** Looks each second: at the agent, and where none runs at what is kept. */
export async function waitAction(
  settings: HostSettings,
  { options: { timeout } }: Invocation<WaitOptions>,
): Promise<CommandResult> {
  if (settings.mode === 'local') return hostFault('local-mode', 'a host that asks nobody is never guarded');
  const end = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout * 1000;
  for (;;) {
    const guarded = await isGuarded(settings);
    if (!guarded.ok) return guarded;
    const left = end - performance.now();
    if (guarded.value || left <= 0)
      return ok({
        document: { isHostGuarded: guarded.value },
        lines: [guarded.value ? 'guarded' : 'not guarded'],
        status: guarded.value ? EXIT.done : EXIT.notGuarded,
      });
    await sleep(Math.min(PAUSE_MILLIS, left));
  }
}

async function isGuarded(settings: HostSettings): Promise<Result<boolean, CommandFault>> {
  const agent = await runningAgent(settings);
  if (agent) {
    const told = await agent.call(agentRoutes.guarded);
    return told.ok ? ok(told.value.isHostGuarded) : told;
  }
  return withHost(settings, async (host) => {
    const services = await host.attestation();
    if (!services.ok) return services;
    const atHand = await healthAtHand(host, services.value);
    return atHand.ok ? ok(atHand.value !== undefined) : atHand;
  });
}
