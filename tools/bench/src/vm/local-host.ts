import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { vmSettings } from '@sekimori/guarded-host';
import { makeGuardian, ownGuardian } from '@sekimori/guardian-files';
import { expectOk } from '@sekimori/result';
import type { Place } from './place.ts';
import { ALLOW, aShieldedVm } from './shielded-vm.ts';

/** As it ships: built, for sources take longer to load, and the agent more memory. */
const PROGRAM = fileURLToPath(new URL('../../../../apps/guarded-host/dist/main.js', import.meta.url));
/** Garbage collected as thoroughly as V8 can: what is left is held. */
const COLLECT = "process.on('SIGUSR2', () => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' }))";
const COLLECT_MILLIS = 1000;

export interface LocalHost extends AsyncDisposable {
  /** Of the agent once it has collected its garbage: a process. */
  settledAgent(): Promise<number>;
  /** `sekimori-host`, which must succeed: its document. */
  readonly command: (...args: readonly string[]) => Promise<unknown>;
}

/** An owner's machine with its agent and stopped VMs. VMs that run at the end are ended. */
export async function localHost(place: Place, vms: readonly string[]): Promise<LocalHost> {
  const inFolder = (name: string) => join(place.folder, 'local', name);
  const runFolder = join(place.runFolder, 'agent');
  for (const folder of [inFolder(''), inFolder('vms')]) await mkdir(folder, { mode: 0o700 });
  await mkdir(runFolder, { mode: 0o711 });
  const guardians = inFolder('guardians');
  const settings = vmSettings({ folders: [inFolder('vms')], runFolder, guardians, allow: ALLOW });
  const config = inFolder('host.json');
  const [stateFolder, socket] = [inFolder('state'), join(runFolder, 'api', 'agent.sock')];
  await writeFile(config, JSON.stringify({ mode: 'local', name: 'bench', stateFolder, socket, vms: settings }));
  expectOk(await makeGuardian(guardians, 'owner', new Date()));
  const owner = expectOk(await ownGuardian(guardians, 'owner'));
  for (const name of vms) await aShieldedVm(settings, name, { owner, guardians: [] });
  const collecting = ['--expose-gc', '--import', `data:text/javascript,${encodeURIComponent(COLLECT)}`];
  const agent = spawn(process.execPath, [...collecting, PROGRAM, 'run', '--config', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env['PATH'], SEKIMORI_LOG_LEVEL: 'warn' },
  });
  const ended = once(agent, 'exit');
  while (!existsSync(socket)) {
    if (agent.exitCode !== null) throw new Error('the agent did not start');
    await sleep(20);
  }
  const command: LocalHost['command'] = async (...args) => {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...args, '--config', config, '--json']);
    return JSON.parse(stdout);
  };
  return {
    command,
    async settledAgent() {
      agent.kill('SIGUSR2');
      await sleep(COLLECT_MILLIS);
      return agent.pid ?? 0;
    },
    [Symbol.asyncDispose]: async () => {
      try {
        const listed = (await command('vm', 'list')) as { readonly vms: readonly { name: string; state: string }[] };
        const running = listed.vms.filter(({ state }) => state === 'running');
        for (const { name } of running) await command('vm', 'stop', name, '--grace', '0');
      } finally {
        agent.kill();
        await ended;
      }
    },
  };
}
