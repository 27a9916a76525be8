import { readFile } from 'node:fs/promises';
import { expectOk } from '@sekimori/result';
import { runningAgent } from '../../src/agent/client.ts';
import { loadHostConfig } from '../../src/index.ts';
import { BIN } from '../support/program.ts';
import { Daemon } from './kill-daemon.ts';

/** `sekimori-host run` as a process of its own. */
export interface AgentProcess {
  /** What it has written to its log. */
  said(): Promise<string>;
  end(): Promise<void>;
}

/** Resolves when it answers. */
export async function startAgentProcess(
  config: string,
  env: Readonly<Record<string, string>> = {},
): Promise<AgentProcess> {
  const settings = expectOk(await loadHostConfig({ file: config, env: {} }));
  const logFile = `${config}.log`;
  const daemon = new Daemon({
    command: [process.execPath, '--conditions=@sekimori/source', BIN, 'run', '--config', config],
    logFile,
    env,
    isReady: async () => (await runningAgent(settings)) !== undefined,
  });
  await daemon.ensure().catch(async (error: Error) => {
    throw new Error(`${error.message}\n${await readFile(logFile, 'utf8')}`, { cause: error });
  });
  return { said: () => readFile(logFile, 'utf8'), end: () => daemon.end() };
}
