import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { connectHost, loadHostConfig } from '../src/index.ts';
import { aFolder } from './support/folders.ts';

async function load(config: object, env: Readonly<Record<string, string>> = {}) {
  const folder = await aFolder();
  const file = join(folder, 'host.json');
  await writeFile(file, JSON.stringify(config));
  return { folder, loaded: await loadHostConfig({ file, env }) };
}

const pair = { url: 'https://hgs', ca: 'ca.pem' };
const one = { name: 'one', urls: ['https://a', 'https://b'], ca: 'one.pem' };
const guardian = 'ab'.repeat(32);

describe('who is asked', () => {
  it('a pair of addresses is a list of one, the attestation service under the name default', async () => {
    const { folder, loaded } = await load({ attestation: pair, keyProtection: pair, signers: 'signers.pem' });
    const ca = join(folder, 'ca.pem');
    expect(expectOk(loaded)).toMatchObject({
      mode: 'host-guardian-service',
      socket: '/run/sekimori-host/agent.sock',
      attestation: [{ name: 'default', urls: ['https://hgs'], ca, signers: join(folder, 'signers.pem') }],
      keyProtection: [{ urls: ['https://hgs'], ca }],
    });
  });

  it('lists keep their order; their files are beside the configuration; own signers go before common ones', async () => {
    const { folder, loaded } = await load({
      signers: 'all.pem',
      attestationServices: [one, { ...one, name: 'two', signers: 'two.pem' }],
      keyProtectionServices: [{ urls: ['https://k'], ca: '/abs.pem', guardian }],
    });
    const ca = join(folder, 'one.pem');
    expect(expectOk(loaded)).toMatchObject({
      attestation: [
        { name: 'one', urls: ['https://a', 'https://b'], ca, signers: join(folder, 'all.pem') },
        { name: 'two', urls: ['https://a', 'https://b'], ca, signers: join(folder, 'two.pem') },
      ],
      keyProtection: [{ urls: ['https://k'], ca: '/abs.pem', guardian }],
    });
  });

  it('a list can come from a variable', async () => {
    const { loaded } = await load({}, { SEKIMORI_HOST_ATTESTATION_SERVICES: JSON.stringify([one]) });
    expect(expectOk(loaded).attestation).toMatchObject([{ name: 'one' }]);
  });

  it.each([
    ['both forms', { attestation: pair, attestationServices: [one] }],
    ['both forms of the other', { keyProtection: pair, keyProtectionServices: [{ urls: ['https://k'], ca: 'c' }] }],
    ['two of one name', { attestationServices: [one, one] }],
    ['an empty list', { attestationServices: [] }],
    ['no address', { attestationServices: [{ ...one, urls: [] }] }],
    ['plain HTTP', { attestationServices: [{ ...one, urls: ['http://a'] }] }],
    ['a name that is a path', { attestationServices: [{ ...one, name: '../one' }] }],
    ['no CA', { attestationServices: [{ name: 'one', urls: ['https://a'] }] }],
    ['a guardian that is no fingerprint', { keyProtectionServices: [{ urls: ['https://k'], ca: 'c', guardian: 'x' }] }],
    ['an unknown field', { attestationServices: [{ ...one, url: 'https://a' }] }],
    ['another mode', { mode: 'hgs' }],
  ])('refuses %s', async (_, config) => {
    const { loaded } = await load(config);
    expect(loaded).toMatchObject({ ok: false, fault: { code: 'config-invalid' } });
  });
});

describe('the ports of a host', () => {
  it('in local mode there is nobody to ask', async () => {
    const { loaded, folder } = await load({ mode: 'local', attestation: pair, stateFolder: 'state' });
    const host = expectOk(await connectHost(expectOk(loaded)));
    for (const asked of [await host.deps(), await host.attesting(), await host.atService()])
      expect(asked).toMatchObject({ fault: { code: 'local-mode' } });
    await expect(writeFile(join(folder, 'state', 'x'), '')).rejects.toThrow('ENOENT');
    await host.close();
  });

  it('a service that is not configured, one of another name, a CA that is not there', async () => {
    const settingsOf = async (config: object) => expectOk((await load({ stateFolder: 'state', ...config })).loaded);
    const none = expectOk(await connectHost(await settingsOf({})));
    expect(await none.attesting()).toMatchObject({ fault: { code: 'service-not-configured' } });
    const some = expectOk(await connectHost(await settingsOf({ attestationServices: [one] })));
    expect(await some.attesting()).toMatchObject({ fault: { code: 'config-invalid' } });
    expect([...some.states.keys()]).toEqual(['one']);
    await none.close();
    await some.close();
  });
});
