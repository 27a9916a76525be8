import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { systemClock } from '@sekimori/service-kit/program';
import { boot } from '@sekimori/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Address, aMachineAt } from '../support/agent-host.ts';
import { aFolder } from '../support/folders.ts';
import { startHgs } from '../support/hgs.ts';
import { BIN, jsonOf, sekimoriHost } from '../support/program.ts';

const hgs = await startHgs();
const here: Address = { hgs, name: 'here', urls: [hgs.services.attestationUrl] };

/** A machine, and `sekimori-host` on it. */
async function aMachine() {
  const { configFile, settings, ...machine } = await aMachineAt([here], systemClock);
  const host = (...args: readonly string[]) => sekimoriHost([...args, '--config', configFile]);
  return { ...machine, configFile, settings, host };
}

/** `sekimori-host run` as a process of its own. */
function spawnAgent(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child: ChildProcess = spawn(process.execPath, ['--conditions=@sekimori/source', BIN, 'run', ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, log: text(child.stderr!) };
}

/** The same, once it is there. */
async function runAgent(configFile: string) {
  const { child, log } = spawnAgent(['--config', configFile]);
  const waited = await sekimoriHost(['wait', '--guarded', '--timeout', '60', '--config', configFile]);
  expect(waited).toMatchObject({ status: 0, stdout: 'guarded\n', stderr: '' });
  return {
    pid: child.pid,
    async end(signal: NodeJS.Signals) {
      child.kill(signal);
      const [status, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      return { status, by, log: await log };
    },
  };
}

describe('sekimori-host run', () => {
  it('is what the other commands ask, and ends with 0 when told to', async () => {
    const { configFile, settings, host, verdictsAt } = await aMachine();
    const agent = await runAgent(configFile);
    const status = await host('status', '--json');
    expect(status).toMatchObject({ status: 0, stderr: '' });
    expect(jsonOf(status)).toMatchObject({
      isHostGuarded: true,
      mode: 'HostGuardianService',
      agent: { pid: agent.pid, failuresInARow: 0 },
    });
    expect((await host('status')).stdout).toMatch(new RegExp(`agent: +runs \\(pid ${agent.pid}\\), attests next at 2`));

    const decided = await verdictsAt(here);
    const attested = await host('attest', '--json');
    expect(attested).toMatchObject({ status: 0, stderr: '' });
    expect(jsonOf(attested)).toMatchObject({ attestationStatus: 'Passed', service: 'here', level: 'measured' });
    expect(await verdictsAt(here)).toBe(decided + 1);

    const second = await host('run');
    expect(second).toMatchObject({ status: 1, stdout: '' });
    expect(second.stderr).toContain('sekimori-host: error: agent-running: another agent holds ');
    expect(second.stderr).toContain('sekimori-host: hint: ');

    const ended = await agent.end('SIGTERM');
    expect(ended).toMatchObject({ status: 0, by: null });
    for (const line of ended.log.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 'info' });
    await expect(access(settings.socket)).rejects.toThrow('ENOENT');
    const after = await host('status', '--json');
    expect(after.status).toBe(0);
    expect(jsonOf(after)).not.toHaveProperty('agent');
  }, 60_000);

  it('ends with 1, and leaves no socket, where the VMs that run already cannot be taken up', async () => {
    const folder = await aFolder();
    const [socket, runFolder] = [join(folder, 'run', 's'), join(folder, 'vms')];
    await mkdir(runFolder);
    await writeFile(join(runFolder, 'no-folder'), '');
    const { child, log } = spawnAgent([], {
      SEKIMORI_HOST_STATE_FOLDER: join(folder, 'state'),
      SEKIMORI_HOST_SOCKET: socket,
      SEKIMORI_HOST_VMS_RUN_FOLDER: runFolder,
    });
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(await log).toContain('sekimori-host: error: ENOTDIR');
    await expect(access(socket)).rejects.toThrow('ENOENT');
  }, 60_000);

  it('is followed by another one when it was killed, which keeps the certificate', async () => {
    const { configFile, host } = await aMachine();
    const killed = await runAgent(configFile);
    const { lastAttestation } = jsonOf(await host('status', '--json'));
    expect(await killed.end('SIGKILL')).toMatchObject({ by: 'SIGKILL' });
    const next = await runAgent(configFile);
    const now = jsonOf(await host('status', '--json'));
    expect(now).toMatchObject({ lastAttestation, agent: { pid: next.pid } });
    expect(await next.end('SIGINT')).toMatchObject({ status: 0 });
  }, 60_000);

  it('tells a refusal through the agent as without it', async () => {
    const { configFile, host, machine } = await aMachine();
    const agent = await runAgent(configFile);
    await machine.boot(boot('uki-snakeoil-cmdline-changed'));
    const refused = await host('attest', '--json');
    expect(refused.status).toBe(3);
    expect(refused.stderr).toMatch(
      /^sekimori-host: error: the service refuses: policy-denied .*trace id [0-9a-f]{32}\n/,
    );
    expect((await host('status')).status).toBe(6);
    expect(await host('wait', '--guarded', '--timeout', '0')).toMatchObject({ status: 6, stdout: 'not guarded\n' });
    await agent.end('SIGTERM');
    expect(await host('wait', '--guarded', '--timeout', '0', '--json')).toMatchObject({ status: 6 });
  }, 60_000);

  it.each([
    ['no condition', ['wait'], "required option '--guarded' not specified"],
    ['a time that is none', ['wait', '--guarded', '--timeout', 'soon'], 'a number from 0 to 86400 is due'],
  ])('wait with %s is wrong usage', async (_, args, words) => {
    const ran = await sekimoriHost(args);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toContain(words);
  });
});
