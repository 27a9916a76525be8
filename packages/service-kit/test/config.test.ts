import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expectOk } from '@sekimori/result';
import { type Static, Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { type ConfigSource, FilePath, loadConfig, settingsOf } from '../src/index.ts';

const strict = { additionalProperties: false };
const schema = Type.Object(
  {
    listen: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1' }),
        port: Type.Integer({ minimum: 0, maximum: 65535, description: 'TCP port' }),
      },
      { ...strict, default: {} },
    ),
    dataFolder: FilePath({ default: 'data' }),
    audiences: Type.Array(Type.String(), { default: [] }),
    level: Type.Union([Type.Literal('measured'), Type.Literal('identity')], { default: 'measured' }),
    insecurePlainHttp: Type.Optional(Type.Boolean()),
  },
  strict,
);
type Config = Static<typeof schema>;

const folder = await mkdtemp(join(tmpdir(), 'sekimori-config-'));
afterAll(() => rm(folder, { recursive: true }));

async function load(content: unknown, source: Partial<ConfigSource<Config>> = {}) {
  const file = join(folder, 'service.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return loadConfig(schema, { file, env: {}, prefix: 'SEKIMORI_T_', ...source });
}

async function refusal(content: unknown, source: Partial<ConfigSource<Config>> = {}) {
  const loaded = await load(content, source);
  if (loaded.ok) throw new Error('it was taken');
  const { code, detail, hint } = loaded.fault;
  return { code, detail: detail.replaceAll(`${folder}/`, ''), hint };
}

describe('a configuration', () => {
  it('is the file over the defaults, and the environment over both', async () => {
    const { config, insecure } = expectOk(
      await load(
        { listen: { port: 1 }, dataFolder: 'state' },
        {
          env: {
            SEKIMORI_T_LISTEN_PORT: '8443',
            SEKIMORI_T_AUDIENCES: '["a","b"]',
            SEKIMORI_T_LEVEL: 'identity',
            HOME: '/',
          },
        },
      ),
    );
    expect(config).toEqual({
      listen: { host: '127.0.0.1', port: 8443 },
      dataFolder: join(folder, 'state'),
      audiences: ['a', 'b'],
      level: 'identity',
    });
    expect(insecure).toEqual([]);
  });
  it('can come from the environment alone; paths are then relative to the working directory', async () => {
    const env = { SEKIMORI_T_LISTEN_PORT: '1', SEKIMORI_T_DATA_FOLDER: 'here' };
    const { config } = expectOk(await loadConfig(schema, { env, prefix: 'SEKIMORI_T_' }));
    expect(config.dataFolder).toBe(resolve('here'));
  });
  it('names every insecure setting that is on', async () => {
    const { insecure } = expectOk(await load({ listen: { port: 1 }, insecurePlainHttp: true }));
    expect(insecure).toEqual(['insecurePlainHttp']);
  });
});

describe('refused, with the key and a way out:', () => {
  it.each<readonly [string, unknown, object]>([
    [
      'an unknown key',
      { lisen: { port: 1 } },
      { code: 'config-unknown-key', detail: 'service.json: there is no setting lisen', hint: 'did you mean listen?' },
    ],
    [
      'an unknown key inside',
      { listen: { prt: 1 } },
      {
        code: 'config-unknown-key',
        detail: 'service.json: there is no setting listen.prt',
        hint: 'did you mean port?',
      },
    ],
    [
      'a key like nothing known',
      { banana: 1 },
      { hint: 'known here: listen, dataFolder, audiences, level, insecurePlainHttp' },
    ],
    [
      'a missing key',
      {},
      {
        code: 'config-invalid',
        detail: 'service.json: listen.port is missing',
        hint: 'set listen.port in the file, or SEKIMORI_T_LISTEN_PORT: TCP port',
      },
    ],
    [
      'a text for a number',
      { listen: { port: '8443' } },
      { code: 'config-invalid', detail: 'service.json: listen.port must be integer' },
    ],
    [
      'a number out of range',
      { listen: { port: 70000 } },
      { code: 'config-invalid', detail: 'service.json: listen.port must be <= 65535' },
    ],
    ['a number for a table', { listen: 5 }, { code: 'config-invalid', detail: 'service.json: listen must be object' }],
    ['an empty path', { listen: { port: 1 }, dataFolder: '' }, { code: 'config-invalid' }],
    [
      'one key twice',
      '{"level":"measured","level":"identity"}',
      { code: 'config-malformed', detail: 'service.json is a key stands twice in one object' },
    ],
    ['no JSON', 'listen: 5', { code: 'config-malformed' }],
    ['no object', '[]', { code: 'config-malformed', detail: 'service.json is not a JSON object' }],
  ])('%s', async (_, content, expected) => {
    expect(await refusal(content)).toMatchObject(expected);
  });

  it.each<readonly [string, Record<string, string>, object]>([
    [
      'an unknown variable',
      { SEKIMORI_T_LISTEN_PROT: '1' },
      {
        code: 'config-unknown-key',
        detail: 'the environment variable SEKIMORI_T_LISTEN_PROT is no setting',
        hint: 'did you mean SEKIMORI_T_LISTEN_PORT?',
      },
    ],
    [
      'a number that is none',
      { SEKIMORI_T_LISTEN_PORT: 'hush' },
      { code: 'config-invalid', detail: 'SEKIMORI_T_LISTEN_PORT must be integer' },
    ],
    [
      'yes for true',
      { SEKIMORI_T_INSECURE_PLAIN_HTTP: 'yes' },
      { code: 'config-invalid', detail: 'SEKIMORI_T_INSECURE_PLAIN_HTTP must be boolean' },
    ],
  ])('%s', async (_, env, expected) => {
    const refused = await refusal({ listen: { port: 1 } }, { env });
    expect(refused).toMatchObject(expected);
    expect(JSON.stringify(refused)).not.toContain('hush');
  });

  it('a file that is not there', async () => {
    const loaded = await loadConfig(schema, { file: join(folder, 'none.json'), env: {}, prefix: 'X_' });
    expect(loaded).toMatchObject({
      ok: false,
      fault: { code: 'config-unreadable', detail: expect.stringContaining('ENOENT') },
    });
  });

  it('what is unsafe, until a long setting allows it', async () => {
    const unsafe = [
      {
        what: 'plain HTTP on an address that is not loopback',
        when: ({ listen }: Config) => listen.host !== '127.0.0.1',
        allowedBy: 'insecurePlainHttp',
      },
    ] as const;
    const open = { listen: { host: '0.0.0.0', port: 1 } };
    expect(await refusal(open, { unsafe })).toEqual({
      code: 'config-unsafe',
      detail: 'plain HTTP on an address that is not loopback',
      hint: 'choose otherwise, or allow it with "insecurePlainHttp": true',
    });
    expect(await refusal({ ...open, insecurePlainHttp: false }, { unsafe })).toMatchObject({ code: 'config-unsafe' });
    const allowed = expectOk(await load({ ...open, insecurePlainHttp: true }, { unsafe }));
    expect(allowed.insecure).toEqual(['insecurePlainHttp']);
  });
});

it('lists the variable of each setting, and has none twice', () => {
  expect(settingsOf(schema, 'SEKIMORI_T_').map(({ variable }) => variable)).toEqual(
    ['LISTEN_HOST', 'LISTEN_PORT', 'DATA_FOLDER', 'AUDIENCES', 'LEVEL', 'INSECURE_PLAIN_HTTP'].map(
      (name) => `SEKIMORI_T_${name}`,
    ),
  );
  const clash = Type.Object({ dataFolder: Type.String(), data: Type.Object({ folder: Type.String() }) });
  expect(() => settingsOf(clash, 'X_')).toThrow('X_DATA_FOLDER');
});
