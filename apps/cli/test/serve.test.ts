import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@sekimori/service-kit';
import { describe, expect, it } from 'vitest';
import { startServe } from '../src/index.ts';
import { anInitialisedFolder, freshPath, sekimori, sekimoriJson, silent, spawnProgram } from './support.ts';

async function runFile(data: string): Promise<{ readonly pid: number; readonly attestation: string }> {
  const file = join(data, 'run.json');
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 50));
  return JSON.parse(readFileSync(file, 'utf8'));
}

describe('serve', () => {
  it('is initialised, serves, tells its status, stops when told, and goes on with the same data', async () => {
    const data = freshPath();
    const ports = ['--attestation-port', '0', '--key-protection-port', '0'];
    const made = await spawnProgram(['init', '--data', data, ...ports, '--json']).ended;
    expect(made).toMatchObject({ status: 0, stderr: '' });
    const { guardian } = JSON.parse(made.stdout);

    const serving = spawnProgram(['serve', '--log-level', 'warn'], { SEKIMORI_DATA: data });
    expect((await runFile(data)).pid).toBe(serving.child.pid);
    const seen = await spawnProgram(['status', '--json'], { SEKIMORI_DATA: data }).ended;
    expect(seen.status).toBe(0);
    const status = JSON.parse(seen.stdout);
    expect(status).toMatchObject({
      attestation: { reachable: true, service: 'attestation' },
      keyProtection: { reachable: true, guardian },
    });
    expect((await spawnProgram(['serve', '--data', data]).ended).stderr).toContain('run already');
    serving.child.kill('SIGTERM');
    const ended = await serving.ended;
    expect(ended.status).toBe(0);
    expect(ended.stdout).toContain(status.attestation.url);
    expect(existsSync(join(data, 'run.json'))).toBe(false);

    const again = spawnProgram(['serve', '--data', data, '--json', '--log-level', 'silent']);
    await runFile(data);
    expect((await sekimoriJson(['status', '--data', data]))[1].attestation.audit).toEqual(status.attestation.audit);
    again.child.kill('SIGINT');
    const { status: exit, stdout } = await again.ended;
    expect(exit).toBe(0);
    expect(Object.keys(JSON.parse(stdout))).toEqual(['attestationUrl', 'keyProtectionUrl', 'caFile']);
  });

  it('says so when nothing runs, with status 1', async () => {
    const data = await anInitialisedFolder();
    const { status, stdout } = await sekimori(['status', '--data', data]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/not reachable: .*nothing listens there/);
    const [, seen] = await sekimoriJson(['status', '--data', data]);
    expect(seen).toMatchObject({
      attestation: { reachable: false, code: 'unreachable' },
      keyProtection: { reachable: false },
    });
  });

  it('starts over the run.json of one that was killed', async () => {
    const data = await anInitialisedFolder();
    const left = { pid: 1, attestation: 'https://127.0.0.1:1', keyProtection: 'https://127.0.0.1:1' };
    writeFileSync(join(data, 'run.json'), JSON.stringify(left), { mode: 0o600 });
    const started = await startServe({ data, logger: silent, clock: systemClock });
    if (!started.ok) throw new Error(started.fault.detail);
    await started.value.close();
    await started.value.close(); // twice is once
  });

  it('does not start without init, with a setting that is none, or without its key', async () => {
    const none = await startServe({ data: freshPath(), logger: silent, clock: systemClock });
    expect(none).toMatchObject({ fault: { code: 'not-initialised' } });
    const data = await anInitialisedFolder();
    const file = join(data, 'key-protection', 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...config, minimumLevel: 'identity' }));
    expect(await startServe({ data, logger: silent, clock: systemClock })).toMatchObject({
      fault: { code: 'config-unsafe' },
    });
    writeFileSync(file, JSON.stringify({ ...config, keys: 'elsewhere' }));
    expect(await startServe({ data, logger: silent, clock: systemClock })).toMatchObject({ ok: false });
    expect(existsSync(join(data, 'run.json'))).toBe(false);
    const { status, stderr } = await sekimori(['status', '--data', freshPath()]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('sekimori init')]);
  });
});
