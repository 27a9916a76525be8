import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { boot, bootFile, virtualHost } from '@sekimori/testkit';
import { describe, expect, it } from 'vitest';
import { aFolder } from './support/folders.ts';
import { startHgs } from './support/hgs.ts';
import { jsonOf, sekimoriHost } from './support/program.ts';
import { listenAsTpm } from './support/tpm-socket.ts';

const hgs = await startHgs();

/** A machine and a configuration for it. */
async function aMachine(name: string) {
  const folder = await aFolder();
  const machine = await virtualHost({ crypto, boot: boot('uki-snakeoil') });
  await hgs.trust(machine.vendorCa.certificate.der);
  await listenAsTpm(machine.software.transport, join(folder, 'tpm.sock'));
  const config = join(folder, 'host.json');
  const settings = {
    name,
    stateFolder: 'state',
    tpm: { swtpm: { socket: 'tpm.sock' } },
    eventLog: bootFile('uki-snakeoil', 'binary_bios_measurements'),
    signers: hgs.caFile,
    attestation: { url: hgs.services.attestationUrl, ca: hgs.caFile },
  };
  await writeFile(config, JSON.stringify(settings));
  return { folder, machine, config, settings };
}

describe('sekimori-host', () => {
  it('says how it is used, with an example and the exit statuses', async () => {
    const help = await sekimoriHost(['--help']);
    expect(help).toMatchObject({ status: 0, stderr: '' });
    for (const words of ['identity', 'attest', 'status', 'Example:', 'Exit status:'])
      expect(help.stdout).toContain(words);
    for (const command of ['identity', 'attest', 'status']) {
      const own = await sekimoriHost([command, '--help']);
      expect(own).toMatchObject({ status: 0, stderr: '' });
      for (const words of ['--json', '--config', 'Example:', 'Exit status:']) expect(own.stdout).toContain(words);
    }
    expect((await sekimoriHost(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('goes from identity to a guarded host', async () => {
    const { config, folder } = await aMachine('node-a');
    const run = (...args: readonly string[]) => sekimoriHost([...args, '--config', config]);

    const identity = await run('identity', '--json');
    expect(identity).toMatchObject({ status: 0, stderr: '' });
    const { ekFingerprint } = jsonOf(identity);
    expect(jsonOf(identity)).toMatchObject({
      name: 'node-a',
      ekFingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    await expect(stat(join(folder, 'state'))).rejects.toThrow('ENOENT');
    const before = await run('status', '--json');
    expect(before.status).toBe(6);
    expect(jsonOf(before)).toMatchObject({ isHostGuarded: false, attestationStatus: 'NotConfigured' });

    const enrolled = await run('identity', '--enrol');
    expect(enrolled.status).toBe(0);
    expect(enrolled.stdout).toContain('pending');
    expect(enrolled.stdout).toContain(ekFingerprint);
    expect(enrolled.stderr).toContain('approves node-a');
    const { hostId } = jsonOf(await run('identity', '--enrol', '--json'));
    await hgs.approve(String(hostId), String(ekFingerprint));
    expect(jsonOf(await run('identity', '--enrol', '--json'))).toMatchObject({ state: 'active', hostId });

    const refused = await run('attest', '--json');
    expect(refused.status).toBe(3);
    const fault = { code: 'policy-denied', subStatus: [expect.any(String)], traceId: expect.any(String) as string };
    expect(jsonOf(refused)).toMatchObject({ fault });
    expect(jsonOf(await run('status', '--json'))).toMatchObject({ attestationStatus: 'InsecureHostConfiguration' });
    expect(refused.stderr).toMatch(
      /^sekimori-host: error: the service refuses: policy-denied .*trace id [0-9a-f]{32}\n/,
    );
    expect(refused.stderr).toContain('sekimori-host: hint: ');
    await hgs.captureBaseline(String(hostId), 'node-a');

    const attested = await run('attest');
    expect(attested).toMatchObject({ status: 0, stderr: '' });
    expect(attested.stdout).toMatch(/attestation: +Passed\n/);
    const after = await run('status', '--json');
    expect(after.status).toBe(0);
    expect(jsonOf(after)).toMatchObject({
      isHostGuarded: true,
      attestationStatus: 'Passed',
      enrolment: { hostId, state: 'active' },
    });
    expect((await run('status')).stdout).toMatch(/sub-status: +NoInformation\n/);
  }, 120_000);

  it('takes flags over variables over the file', async () => {
    const { config, folder, settings } = await aMachine('node-b');
    const env = { SEKIMORI_HOST_NAME: 'from-variable', SEKIMORI_HOST_STATE_FOLDER: join(folder, 'other') };
    const named = await sekimoriHost(['identity', '--json', '--config', config], env);
    expect(jsonOf(named)).toMatchObject({ name: 'from-variable' });
    const flags = [
      '--tpm',
      `swtpm:${join(folder, 'tpm.sock')}`,
      '--state',
      join(folder, 'third'),
      '--name',
      'from-flag',
    ];
    const service = ['--attestation', settings.attestation.url, '--ca', hgs.caFile];
    const alone = await sekimoriHost(['identity', '--enrol', '--json', ...flags, ...service], env);
    expect(jsonOf(alone)).toMatchObject({ name: 'from-flag', state: 'pending' });
    expect((await stat(join(folder, 'third', 'services', 'default', 'host.json'))).mode & 0o777).toBe(0o600);
  });

  it('enrols at the service that is named, and tells which there are', async () => {
    const { config, folder, settings } = await aMachine('node-d');
    const { attestation, ...others } = settings;
    const service = { urls: [attestation.url], ca: attestation.ca };
    const attestationServices = [
      { name: 'first', ...service, urls: ['https://127.0.0.1:1'] },
      { name: 'second', ...service },
    ];
    await writeFile(config, JSON.stringify({ ...others, attestationServices }));
    const run = (...args: readonly string[]) => sekimoriHost(['identity', ...args, '--json', '--config', config]);
    expect((await run('--enrol')).status).toBe(4);
    const enrolled = jsonOf(await run('--enrol', '--service', 'second'));
    expect(enrolled).toMatchObject({ name: 'node-d', state: 'pending' });
    expect((await stat(join(folder, 'state', 'services', 'second', 'host.json'))).mode & 0o777).toBe(0o600);
    expect(jsonOf(await run('--service', 'second'))).toMatchObject({ hostId: enrolled['hostId'] });
    expect(jsonOf(await run())).not.toHaveProperty('hostId');
    const unknown = await run('--service', 'third');
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain('hint: one of first, second');
    const status = await sekimoriHost(['status', '--config', config]);
    expect(status.stdout).toMatch(/^service: +second$/m);
  });

  it.each([
    ['an unknown command', ['attests'], "unknown command 'attests'"],
    ['an unknown option', ['attest', '--jsn'], "unknown option '--jsn'"],
    ['a TPM that is none', ['identity', '--tpm', 'usb:1'], '--tpm does not name a TPM'],
    ['a host identifier without enrolling', ['identity', '--host-id', 'x'], '--host-id needs --enrol'],
    ['nothing', [], 'Usage:'],
  ])('wrong usage: %s', async (_, args, words) => {
    const ran = await sekimoriHost(args);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toContain(words);
  });

  it.each([
    ['an unknown setting', { stateFoldr: 'x' }, 'did you mean stateFolder?'],
    ['two TPMs', { tpm: { device: 'a', swtpm: { socket: 'b' } } }, 'tpm names 2 TPMs'],
    ['plain HTTP', { attestation: { url: 'http://127.0.0.1:1', ca: 'ca.pem' } }, 'attestation.url'],
    ['no CA', { attestation: { url: 'https://127.0.0.1:1', ca: 'none.pem' } }, 'none.pem'],
  ])('a bad configuration: %s', async (_, settings, words) => {
    const folder = await aFolder();
    const config = join(folder, 'host.json');
    await writeFile(config, JSON.stringify({ stateFolder: 'state', ...settings }));
    const ran = await sekimoriHost(['attest', '--config', config, '--json']);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain(words);
    expect(jsonOf(ran)).toMatchObject({ fault: { code: expect.stringMatching(/^config-/) as string } });
  });

  it.each([['attest'], ['preflight'], ['wait', '--guarded']])(
    '%s is wrong usage of a host that asks nobody',
    async (...args) => {
      const config = join(await aFolder(), 'host.json');
      await writeFile(config, JSON.stringify({ mode: 'local', stateFolder: 'state', socket: 'none' }));
      const ran = await sekimoriHost([...args, '--json', '--config', config]);
      expect(ran.status).toBe(2);
      expect(jsonOf(ran)).toMatchObject({ fault: { code: 'local-mode' } });
    },
  );

  it('tells an outage of the TPM, of a service, and a state that others can read', async () => {
    const { config, folder } = await aMachine('node-c');
    const noTpm = await sekimoriHost(['identity', '--config', config, '--tpm', `device:${join(folder, 'none')}`]);
    expect(noTpm).toMatchObject({ status: 5, stdout: '' });
    expect(noTpm.stderr).toContain('tpm-outage: cannot use the TPM at');
    const away = ['--attestation', 'https://127.0.0.1:1'];
    const noService = await sekimoriHost(['identity', '--enrol', '--config', config, ...away]);
    expect(noService).toMatchObject({ status: 4, stdout: '' });
    expect(noService.stderr).toContain('nothing listens there');
    const notEnrolled = await sekimoriHost(['attest', '--config', config]);
    expect(notEnrolled).toMatchObject({ status: 2, stdout: '' });
    expect(notEnrolled.stderr).toContain("hint: enrol this host: 'sekimori-host identity --enrol'");
    await mkdir(join(folder, 'open'), { mode: 0o755 });
    const exposed = await sekimoriHost(['status', '--config', config, '--state', join(folder, 'open')]);
    expect(exposed).toMatchObject({ status: 1, stdout: '' });
    expect(exposed.stderr).toContain('state-unreadable');
  });
});
