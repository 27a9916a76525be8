import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig, createLogger, systemClock } from '@sekimori/service-kit';
import { describe, expect, it } from 'vitest';
import { KeyProtectionConfig, startKeyProtectionService, UNSAFE_SETTINGS } from '../src/index.ts';
import { aStatement } from './support/parties.ts';
import { configOf, makeFolder, type ServiceFolder, startService } from './support/service.ts';

const logger = createLogger({ service: 'test', level: 'silent' });

async function start(folder: ServiceFolder) {
  return startKeyProtectionService(await configOf(folder), { logger, clock: systemClock, version: '0' });
}

function refusal(setting: string) {
  const detail = expect.stringMatching(new RegExp(`^${setting.replaceAll('.', String.raw`\.`)}: `)) as string;
  return { ok: false, fault: { code: 'start-refused', detail } };
}

describe('security property 13: what is unsafe or does not fit together refuses to start, and names the setting', () => {
  it.each([
    ['tls.key', 'tls.key'],
    ['tls.pem', 'tls.certificate'],
    ['guardian.xml', 'guardian.metadata'],
    ['signers.pem', 'attestation.signers'],
    ['ca.pem', 'attestation.ca'],
    ['keys/signing.key', 'guardian.signing'],
    ['keys/encryption.key', 'guardian.encryption'],
  ])('without %s', async (file, setting) => {
    const folder = await makeFolder();
    await rm(join(folder.folder, file));
    expect(await start(folder)).toMatchObject(refusal(setting));
  });
  it('keys that are open to others', async () => {
    const folder = await makeFolder();
    await chmod(join(folder.folder, 'keys'), 0o750);
    expect(await start(folder)).toMatchObject(refusal('keys'));
  });
  it('keys of another guardian, and a metadata document that was changed', async () => {
    const [folder, other] = [await makeFolder(), await makeFolder()];
    const file = join(folder.folder, 'guardian.xml');
    const metadata = await readFile(file, 'utf8');
    await writeFile(file, await readFile(join(other.folder, 'guardian.xml')));
    expect(await start(folder)).toMatchObject(refusal('guardian'));
    await writeFile(file, metadata.replace(/<SignatureValue>..../, '<SignatureValue>AAAA'));
    expect(await start(folder)).toMatchObject(refusal('guardian.metadata'));
  });
  it('no signer: an empty list trusts nobody, so it is a mistake', async () => {
    const folder = await makeFolder();
    await writeFile(join(folder.folder, 'signers.pem'), '\n');
    expect(await start(folder)).toMatchObject(refusal('attestation.signers'));
  });
  it('the floor identity needs the long setting, and the status shows it', async () => {
    const load = ({ configFile: file }: ServiceFolder) =>
      loadConfig(KeyProtectionConfig, { file, env: {}, prefix: 'X_', unsafe: UNSAFE_SETTINGS });
    expect(await load(await makeFolder({ minimumLevel: 'identity' }))).toMatchObject({
      fault: { code: 'config-unsafe' },
    });
    const folder = await makeFolder({ minimumLevel: 'identity', insecureMinimumLevelIdentity: true });
    const { ask } = await startService(folder, () => aStatement());
    const { json } = await ask({ method: 'GET', path: '/v1/status', headers: folder.credentials });
    expect(json).toMatchObject({ minimumLevel: 'identity', insecure: ['insecureMinimumLevelIdentity'] });
  });
});
