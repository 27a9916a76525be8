import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { certificatesFromPem, PURPOSE, validatePath } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { initDataFolder } from '../src/index.ts';
import { anInitialisedFolder, freshPath, sekimori, sekimoriJson } from './support.ts';

const at = new Date('2026-11-22T12:00:00Z');

function everything(folder: string): readonly string[] {
  return [folder, ...readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name)))];
}

describe('init', () => {
  it('makes folders and files that are for their owner alone', async () => {
    const data = await anInitialisedFolder();
    const modes = everything(data).map((path) => {
      const stat = lstatSync(path);
      return [path, stat.mode & 0o777, stat.isDirectory() ? 0o700 : 0o600] as const;
    });
    expect(modes.length).toBeGreaterThan(20);
    for (const [path, mode, expected] of modes) expect([path, mode]).toEqual([path, expected]);
  });

  it('keeps of the token only its hash in the configurations', async () => {
    const data = await anInitialisedFolder();
    const token = readFileSync(join(data, 'admin', 'token'), 'utf8');
    const hash = Buffer.from(crypto.hash('sha256', Buffer.from(token, 'base64url'))).toString('hex');
    for (const service of ['attestation', 'key-protection']) {
      const text = readFileSync(join(data, service, 'config.json'), 'utf8');
      expect(text).not.toContain(token);
      expect(JSON.parse(text).administrators).toEqual([{ name: 'admin', sha256: hash }]);
    }
  });

  it('issues TLS certificates and the signer below its CA', async () => {
    const data = await anInitialisedFolder();
    const read = (name: string) => expectOk(certificatesFromPem(readFileSync(join(data, name), 'utf8')))[0]!;
    const ca = read('ca/ca.pem');
    const options = { roots: [ca], intermediates: [], at: new Date() };
    for (const name of ['attestation/tls.pem', 'key-protection/tls.pem'])
      expectOk(validatePath(crypto, read(name), { ...options, purpose: PURPOSE.serverAuth }));
    expectOk(validatePath(crypto, read('attestation/signer.pem'), { ...options, purpose: 'any' }));
    expect(read('attestation/tls.pem').extensions.subjectAlternativeName).toHaveLength(2);
  });

  it('refuses a folder that is initialised, and changes nothing', async () => {
    const data = await anInitialisedFolder();
    const contents = () =>
      everything(data).map((path) => (lstatSync(path).isFile() ? readFileSync(path, 'hex') : path));
    const before = contents();
    expect(await initDataFolder({ data, at })).toMatchObject({ fault: { code: 'already-initialised' } });
    expect(contents()).toEqual(before);
  });

  it('finishes one that was interrupted while things were moved into place', async () => {
    const data = await anInitialisedFolder();
    const staging = join(data, '.unfinished-init');
    mkdirSync(staging, { mode: 0o700 });
    for (const name of ['client.json', 'attestation']) renameSync(join(data, name), join(staging, name));
    expect(await initDataFolder({ data, at, guardianName: 'other' })).toMatchObject({
      ok: true,
      value: { finishedEarlier: true, guardian: { name: 'fabric' } },
    });
    expect(readdirSync(data).toSorted()).toEqual(['admin', 'attestation', 'ca', 'client.json', 'key-protection']);
  });

  it('begins anew after one that was interrupted before', async () => {
    const data = freshPath();
    mkdirSync(join(data, '.unfinished-init', 'ca'), { recursive: true, mode: 0o700 });
    writeFileSync(join(data, '.unfinished-init', 'ca', 'ca.pem'), 'half');
    expect(await initDataFolder({ data, at })).toMatchObject({ ok: true, value: { finishedEarlier: false } });
    expect(readFileSync(join(data, 'ca', 'ca.pem'), 'utf8')).toMatch(/^-----BEGIN CERTIFICATE-----/);
    expect(readdirSync(data)).not.toContain('.unfinished-init');
  });

  it('keeps guardians that were there before', async () => {
    const data = freshPath();
    await sekimori(['--data', data, 'guardian', 'new', 'alice']);
    expect(await initDataFolder({ data, at })).toMatchObject({ ok: true });
    const [, { guardians }] = await sekimoriJson(['--data', data, 'guardian', 'list']);
    expect(guardians).toMatchObject([{ name: 'alice', own: true }]);
  });

  it('leaves folders of others alone', async () => {
    const data = freshPath();
    mkdirSync(join(data, 'attestation'), { recursive: true, mode: 0o700 });
    expect(await initDataFolder({ data, at })).toMatchObject({ fault: { code: 'folder-in-use' } });
  });

  it('refuses a folder that is open to others', async () => {
    const data = freshPath();
    mkdirSync(data, { mode: 0o755 });
    expect(await initDataFolder({ data, at })).toMatchObject({ fault: { code: 'folder-unsafe' } });
  });

  it.each([
    ['a service id with a slash', { serviceId: 'a/b' }],
    ['a guardian name with a space', { guardianName: 'a b' }],
    ['a host that is none', { host: 'no host' }],
    ['an address as DNS name', { dns: ['10.0.0.1'] }],
    ['every address without a name', { host: '::', dns: [] }],
    ['a port that is none', { ports: { attestation: 70_000 } }],
    ['one port for both', { ports: { attestation: 9000, keyProtection: 9000 } }],
  ])('refuses %s', async (_, options) => {
    expect(await initDataFolder({ data: freshPath(), at, ...options })).toMatchObject({
      fault: { code: 'init-options' },
    });
  });

  it('gives addresses with the name that others know', async () => {
    const known = await initDataFolder({ data: freshPath(), at, host: '0.0.0.0', dns: ['hgs.example'] });
    expect(expectOk(known).attestation).toBe('https://hgs.example:8443');
    const v6 = await initDataFolder({ data: freshPath(), at, host: '::1' });
    expect(expectOk(v6).keyProtection).toBe('https://[::1]:8444');
  });
});
