import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runProgram, showsSecret } from '@sekimori/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeFolder } from './support/service.ts';

const program = fileURLToPath(new URL('../bin/sekimori-kps.js', import.meta.url));

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const running = runProgram(program, args, env);
  onTestFinished(() => void running.child.kill('SIGKILL'));
  return running;
}

describe('sekimori-kps', () => {
  it('starts alone, without an attestation service; a variable overrides its file, and SIGTERM ends it with 0', async () => {
    const folder = await makeFolder({ listen: { port: 1 } });
    const env = { SEKIMORI_KPS_LISTEN_PORT: '0', SEKIMORI_LOG_LEVEL: 'debug' };
    const service = run(['--config', folder.configFile], env);
    const { url } = await service.logged('listening');
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await service.logged('a background task failed')).toMatchObject({ task: 'refresh revocations' });
    service.child.kill('SIGTERM');
    expect(await service.ended).toBe(0);
    expect(service.output()).toBe('');
    const lines = service.errors().trim().split('\n');
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ service: 'sekimori-kps' });
    expect(folder.secrets.some((secret) => showsSecret(service.errors(), secret))).toBe(false);
  });
  it('says what is wrong with its configuration, and does not start', async () => {
    const { configFile } = await makeFolder();
    const config = JSON.parse(await readFile(configFile, 'utf8')) as Readonly<Record<string, object>>;
    const variant = async (name: string, changes: object) => {
      const file = configFile.replace('config', name);
      await writeFile(file, JSON.stringify({ ...config, ...changes }));
      return run(['--config', file]);
    };
    const unsafe = await variant('unsafe', { minimumLevel: 'identity' });
    const dangling = await variant('dangling', { guardian: { ...config['guardian'], signing: 'nobody' } });
    expect(await Promise.all([unsafe.ended, dangling.ended])).toEqual([2, 2]);
    expect(unsafe.errors()).toContain('"insecureMinimumLevelIdentity": true');
    expect(dangling.errors()).toMatch(/^sekimori-kps: error: guardian\.signing: .*\nsekimori-kps: hint: /);
  });
  it('has help', async () => {
    const help = run(['--help']);
    expect(await help.ended).toBe(0);
    expect(help.output()).toContain('Usage: sekimori-kps --config FILE');
  });
});
