import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import { loadHostConfig } from '../src/index.ts';
import { sekimoriHost } from './support/program.ts';

const unit = readFileSync(new URL('../systemd/sekimori-host.service', import.meta.url), 'utf8');
const setting = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1];

it('the unit makes the folders that the settings name, for root alone', async () => {
  const { socket, stateFolder } = expectOk(await loadHostConfig({ env: {} }));
  expect(`/run/${setting('RuntimeDirectory')}`).toBe(dirname(socket));
  expect(`/var/lib/${setting('StateDirectory')}`).toBe(stateFolder);
  expect([setting('RuntimeDirectoryMode'), setting('StateDirectoryMode')]).toEqual(['0700', '0700']);
});

it('the unit runs a command that there is, and is not started again where the configuration is wrong', async () => {
  const [program, ...args] = setting('ExecStart')?.split(' ') ?? [];
  expect(program).toBe('/usr/bin/sekimori-host');
  const ran = await sekimoriHost(args.map((arg) => (arg.startsWith('/') ? '/nowhere.json' : arg)));
  expect(ran.stderr).toContain('config-unreadable');
  expect(String(ran.status)).toBe(setting('RestartPreventExitStatus'));
});
