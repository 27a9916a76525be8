import { expectOk } from '@sekimori/result';
import { agentRoutes } from '../../../src/agent/api.ts';
import { agentClient, AgentOutageError } from '../../../src/agent/client.ts';
import { loadHostConfig } from '../../../src/index.ts';
import { BIN } from '../../support/program.ts';
import { Daemon } from './daemon.ts';

/** `sekimori-host run` as a process of its own. Resolves when it answers. */
export async function startAgentProcess(config: string, env: Readonly<Record<string, string>> = {}): Promise<Daemon> {
  const { socket } = expectOk(await loadHostConfig({ file: config, env: {} }));
  const daemon = new Daemon({
    command: [process.execPath, '--conditions=@sekimori/source', BIN, 'run', '--config', config],
    logFile: `${config}.log`,
    env,
    isReady: async () => {
      try {
        return (await agentClient(socket).call(agentRoutes.agent)).ok;
      } catch (error) {
        if (error instanceof AgentOutageError) return false;
        throw error;
      }
    },
  });
  await daemon.ensure();
  return daemon;
}
