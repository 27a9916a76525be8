import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { certificatesFromPem } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { createAttestationKey, extendPcr, Tpm } from '@sekimori/tpm2';
import { manufactureSwtpm, startSwtpm } from '@sekimori/tpm2-device/swtpm';
import { boot, bootFile, measureInto, programsMissing } from '@sekimori/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectHost, hostIdentity, loadHostConfig, releaseKeys } from '../src/index.ts';
import { anAgent } from './support/agent-host.ts';
import { fakeTiming } from './support/fake-timing.ts';
import { aFolder } from './support/folders.ts';
import { startHgs } from './support/hgs.ts';
import { jsonOf, sekimoriHost } from './support/program.ts';
import { aProtector, hexOf, openedBy } from './support/protector.ts';

describe.skipIf(programsMissing('swtpm', 'swtpm_setup'))('with a real swtpm', () => {
  it('the program enrols, attests and the library gets keys', async () => {
    const hgs = await startHgs();
    const folder = await aFolder();
    const [stateDir, caDir] = [join(folder, 'tpm'), join(folder, 'ca')];
    const { issuerFile, rootFile } = await manufactureSwtpm({ stateDir, caDir, name: 'node-s' });
    const [root] = expectOk(certificatesFromPem(await readFile(rootFile, 'utf8')));
    await hgs.trust(root!.der);
    const swtpm = await startSwtpm({ stateDir });
    onTestFinished(() => swtpm.stop());
    const transport = await swtpm.open();
    await measureInto(new Tpm(transport, crypto), boot('uki-snakeoil'));
    await transport.close();

    const config = join(folder, 'host.json');
    const services = hgs.services;
    const settings = {
      name: 'node-s',
      stateFolder: 'state',
      socket: 'run/agent.sock',
      tpm: { swtpm: { socket: swtpm.socketPath } },
      eventLog: bootFile('uki-snakeoil', 'binary_bios_measurements'),
      endorsementIntermediates: issuerFile,
      signers: hgs.caFile,
      attestation: { url: services.attestationUrl, ca: hgs.caFile },
      keyProtection: { url: services.keyProtectionUrl, ca: hgs.caFile },
    };
    await writeFile(config, JSON.stringify(settings));
    const run = (...args: readonly string[]) => sekimoriHost([...args, '--json', '--config', config]);
    const { hostId, ekFingerprint } = jsonOf(await run('identity', '--enrol')) as {
      hostId: string;
      ekFingerprint: string;
    };
    await hgs.approve(hostId, ekFingerprint);
    expect(jsonOf(await run('identity', '--enrol'))).toMatchObject({ state: 'active' });
    expect((await run('attest')).status).toBe(3);
    await hgs.captureBaseline(hostId, 'swtpm');
    expect(jsonOf(await run('attest'))).toMatchObject({ attestationStatus: 'Passed', level: 'measured' });
    expect((await run('status')).status).toBe(0);

    const host = expectOk(await connectHost(expectOk(await loadHostConfig({ file: config, env: {} }))));
    const deps = expectOk(await host.deps());
    const { protector, transportKey, owner } = await aProtector(deps);
    const { keys, egressProtector } = expectOk(await releaseKeys(deps, protector));
    expect(hexOf(keys.ingress)).toBe(transportKey);
    expect(hexOf(keys.egress)).toBe(await openedBy(owner, egressProtector));
    // what runs now is not what was measured: the health key does not come again, and a new attestation is refused
    expectOk(await extendPcr(deps.tpm, 12, 'sha256', crypto.hash('sha256', Uint8Array.of(1))));
    expect(await releaseKeys(deps, protector)).toMatchObject({ ok: false, fault: { code: 'policy-denied' } });
    await host.close();
    await swtpm.reset();
    const rebooted = await run('status');
    expect(rebooted.status).toBe(6);

    const again = await swtpm.open();
    await measureInto(new Tpm(again, crypto), boot('uki-snakeoil'));
    await again.close();
    const agent = await anAgent(expectOk(await loadHostConfig({ file: config, env: {} })), fakeTiming());
    const asked = await Promise.all([run('status'), run('attest'), run('status')]);
    expect(asked.map(({ status }) => status)).toEqual([0, 0, 0]);
    const ports = expectOk(await agent.context.ports());
    const all = await Promise.all([releaseKeys(ports, protector), releaseKeys(ports, egressProtector)]);
    for (const each of all) expectOk(each);
  }, 120_000);

  it('what a killed program left in the TPM is in nobody’s way', async () => {
    const folder = await aFolder();
    const [stateDir, caDir] = [join(folder, 'tpm'), join(folder, 'ca')];
    await manufactureSwtpm({ stateDir, caDir, name: 'node-k' });
    const swtpm = await startSwtpm({ stateDir });
    onTestFinished(() => swtpm.stop());
    const killed = await swtpm.open();
    for (let objects = 0; objects < 3; objects++) expectOk(await createAttestationKey(new Tpm(killed, crypto)));
    await killed.close();
    const env = { SEKIMORI_HOST_STATE_FOLDER: folder, SEKIMORI_HOST_TPM_SWTPM_SOCKET: swtpm.socketPath };
    const host = expectOk(await connectHost(expectOk(await loadHostConfig({ env }))));
    expectOk(await hostIdentity(host.tpm));
    await host.close();
  }, 120_000);
});
