import { fileURLToPath } from 'node:url';
import { readFile, writeFile } from 'node:fs/promises';
import { runProgram, showsSecret } from '@sekimori/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeFolder } from './support/service.ts';

const program = fileURLToPath(new URL('../bin/sekimori-attestation.js', import.meta.url));

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const running = runProgram(program, args, env);
  onTestFinished(() => void running.child.kill('SIGKILL'));
  return running;
}

describe('sekimori-attestation', () => {
  it('starts alone from its configuration, a variable overrides it, and SIGTERM ends it with 0', async () => {
    const folder = await makeFolder({ listen: { port: 1 } });
    const service = run(['--config', folder.configFile], {
      SEKIMORI_ATTESTATION_LISTEN_PORT: '0',
      SEKIMORI_LOG_LEVEL: 'debug',
    });
    const { url } = await service.logged('listening');
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    service.child.kill('SIGTERM');
    expect(await service.ended).toBe(0);
    expect(service.output()).toBe('');
    const lines = service.errors().trim().split('\n');
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ service: 'sekimori-attestation' });
    expect(folder.secrets.some((secret) => showsSecret(service.errors(), secret))).toBe(false);
  });
  it('says what is wrong with its configuration, and does not start', async () => {
    const { configFile } = await makeFolder();
    const config = JSON.parse(await readFile(configFile, 'utf8')) as Readonly<Record<string, object>>;
    const misspelt = configFile.replace('config', 'misspelt');
    await writeFile(misspelt, JSON.stringify({ ...config, chalengeSeconds: 5 }));
    const dangling = configFile.replace('config', 'dangling');
    await writeFile(dangling, JSON.stringify({ ...config, signer: { ...config['signer'], ca: 'nowhere.pem' } }));
    const missing = configFile.replace('config', 'missing');
    const runs = [misspelt, dangling, missing].map((file) => run(['--config', file]));
    expect(await Promise.all(runs.map(({ ended }) => ended))).toEqual([2, 2, 2]);
    const [one, two, three] = runs.map(({ errors }) => errors());
    expect(one).toContain('there is no setting chalengeSeconds');
    expect(one).toContain('did you mean challengeSeconds?');
    expect(two).toMatch(/^sekimori-attestation: error: signer\.ca: .*\nsekimori-attestation: hint: /);
    expect(three).toContain('cannot read');
  });
  it('has help', async () => {
    const [help, none] = [run(['--help']), run([])];
    expect(await Promise.all([help.ended, none.ended])).toEqual([0, 2]);
    expect(help.output()).toContain('Usage: sekimori-attestation --config FILE');
    expect(none.output()).toBe('');
    expect(none.errors()).toContain('--config');
  });
});
