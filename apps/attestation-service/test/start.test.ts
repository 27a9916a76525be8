import { chmod, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '@sekimori/bytes';
import { parseKeyName, softwareKeyStore } from '@sekimori/hsm';
import { writePem } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { createLogger, fileKeyFiles, loadConfig, systemClock, writePrivateFile } from '@sekimori/service-kit';
import { describe, expect, it } from 'vitest';
import { AttestationConfig, startAttestationService } from '../src/index.ts';
import { aSigner, crypto } from './support/authority.ts';
import { makeFolder, type ServiceFolder, startService } from './support/service.ts';

const logger = createLogger({ service: 'test', level: 'silent' });

async function start({ configFile }: ServiceFolder, changes: object = {}) {
  const loaded = expectOk(await loadConfig(AttestationConfig, { file: configFile, env: {}, prefix: 'X_' }));
  const config = { ...loaded, config: { ...loaded.config, ...changes } };
  return startAttestationService(config, { logger, clock: systemClock, version: '0' });
}

describe('security property 13: what is unsafe or does not fit together refuses to start, and names the setting', () => {
  it.each([
    ['tls.key', 'tls.key'],
    ['tls.pem', 'tls.certificate'],
    ['challenge.key', 'challengeKey'],
    ['signer.pem', 'signer.certificate'],
    ['ca.pem', 'signer.ca'],
    ['keys/attestation-signer.key', 'signer.key'],
  ])('without %s', async (file, setting) => {
    const folder = await makeFolder();
    await rm(join(folder.folder, file));
    const started = await start(folder);
    expect(started).toMatchObject({ fault: { code: 'start-refused' } });
    expect(started.ok ? '' : started.fault.detail).toMatch(new RegExp(`^${setting.replace('.', '\\.')}: `));
  });
  it.each([
    ['tls.key', 'tls.key'],
    ['challenge.key', 'challengeKey'],
    ['keys', 'keys'],
  ])('%s open to other users', async (file, setting) => {
    const folder = await makeFolder();
    await chmod(join(folder.folder, file), file === 'keys' ? 0o755 : 0o644);
    const started = await start(folder);
    expect(started.ok ? '' : started.fault.detail).toMatch(new RegExp(`^${setting.replace('.', '\\.')}: unsafe`));
  });
  it('a key that is a symbolic link, or of another length', async () => {
    const folder = await makeFolder();
    const file = join(folder.folder, 'challenge.key');
    await rm(file);
    await symlink(join(folder.folder, 'tls.key'), file);
    expect(await start(folder)).toMatchObject({
      fault: { detail: expect.stringContaining('symbolic link') as string },
    });
    await rm(file);
    await writePrivateFile(file, new Uint8Array(31));
    expect(await start(folder)).toMatchObject({
      fault: { detail: expect.stringMatching(/^challengeKey: .*32 bytes/) as string },
    });
  });
  it('a TLS certificate for another key, and none at all', async () => {
    const folder = await makeFolder();
    const other = await makeFolder();
    await writeFile(join(folder.folder, 'tls.pem'), await readFile(join(other.folder, 'tls.pem')));
    expect(await start(folder)).toMatchObject({ fault: { detail: expect.stringMatching(/^tls: /) as string } });
    await writeFile(join(folder.folder, 'tls.pem'), 'nothing');
    expect(await start(folder)).toMatchObject({ fault: { detail: expect.stringMatching(/^tls: /) as string } });
  });
  it('a signer certificate for another key, or of another CA', async () => {
    const folder = await makeFolder();
    const { certificate, ca } = await aSigner();
    await writeFile(join(folder.folder, 'ca.pem'), writePem('CERTIFICATE', ca.der));
    expect(await start(folder)).toMatchObject({ fault: { detail: expect.stringMatching(/^signer\.ca: /) as string } });
    await writeFile(join(folder.folder, 'signer.pem'), writePem('CERTIFICATE', certificate.der));
    expect(await start(folder)).toMatchObject({
      fault: { detail: expect.stringMatching(/^signer\.certificate: /) as string },
    });
  });
  it('a signer key that cannot sign revocation statements', async () => {
    const folder = await makeFolder();
    const keys = softwareKeyStore(crypto, await fileKeyFiles(join(folder.folder, 'keys')));
    const name = expectOk(parseKeyName('other'));
    expectOk(await keys.generate(name, { use: 'sign', type: 'ec', curve: 'P-384' }));
    const signer = { key: 'other', certificate: join(folder.folder, 'signer.pem'), ca: join(folder.folder, 'ca.pem') };
    expect(await start(folder, { signer })).toMatchObject({
      fault: { detail: expect.stringMatching(/^signer\.key: .*P-256/) as string },
    });
  });
  it('a database that is none, or open to others', async () => {
    const folder = await makeFolder();
    await writePrivateFile(
      folder.database,
      utf8('this is no database, and long enough to be looked at as one'.repeat(20)),
    );
    expect(await start(folder)).toMatchObject({ fault: { detail: expect.stringMatching(/^database: /) as string } });
    await chmod(folder.database, 0o644);
    expect(await start(folder)).toMatchObject({ fault: { detail: expect.stringMatching(/^database: /) as string } });
  });
  it('an address that is taken: the database is closed again', async () => {
    const folder = await makeFolder();
    const { url } = await startService(await makeFolder());
    const listen = { host: '127.0.0.1', port: Number(new URL(url).port) };
    await expect(start(folder, { listen })).rejects.toThrow('cannot listen');
    const started = expectOk(await start(folder));
    await started.close();
  });
});
