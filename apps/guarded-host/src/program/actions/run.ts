import { createRequire } from 'node:module';
import { ok } from '@sekimori/result';
import { createLogger, runService } from '@sekimori/service-kit/daemon';
import { startAgent } from '../../agent/agent.ts';
import type { HostSettings } from '../../config.ts';
import type { CommandResult, Invocation } from '../command.ts';
import { EXIT } from '../exit.ts';
import { PROGRAM } from '../name.ts';
import { AGENT_ROUTES } from '../agent-routes.ts';

/** Ends with 0 when it was told to stop by SIGTERM or SIGINT. */
export async function runAction(settings: HostSettings, { env }: Invocation): Promise<CommandResult> {
  const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };
  const logger = createLogger({ service: PROGRAM, level: env['SEKIMORI_LOG_LEVEL'] });
  const agent = await startAgent({ settings, version, logger, routes: AGENT_ROUTES });
  if (!agent.ok) return agent;
  const status = await runService({ program: PROGRAM, logger }, async ({ onStop }) => {
    onStop('agent', () => agent.value.close());
    return ok(undefined);
  });
  return ok({ document: { stopped: true }, lines: [], status: status === 0 ? EXIT.done : EXIT.failed });
}
