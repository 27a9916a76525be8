import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expectOk } from '@sekimori/result';
import { boot } from '@sekimori/testkit';
import { describe, expect, it } from 'vitest';
import { startAgent } from '../../src/agent/agent.ts';
import { agentRoutes } from '../../src/agent/api.ts';
import { type Address, aMachineAt, anAgent, logger, type TestAgent } from '../support/agent-host.ts';
import { fakeClock, fakeTiming } from '../support/fake-timing.ts';
import { startHgs } from '../support/hgs.ts';

const clock = fakeClock(); // the services live in the agents' time
const hgs = await startHgs(clock);
const here: Address = { hgs, name: 'here', urls: [hgs.services.attestationUrl] };

const statusOf = async ({ client }: TestAgent) => expectOk(await client.call(agentRoutes.status));
const isGuarded = async ({ client }: TestAgent) => expectOk(await client.call(agentRoutes.guarded)).isHostGuarded;

describe('an agent', () => {
  it('attests at its start, and tells how the host stands', async () => {
    const { settings } = await aMachineAt([here], clock);
    const agent = await anAgent(settings, fakeTiming(clock));
    expect(await statusOf(agent)).toMatchObject({
      mode: 'HostGuardianService',
      isHostGuarded: true,
      attestationOperationMode: 'Tpm',
      attestationStatus: 'Passed',
      attestationSubStatus: [],
      isFallbackInUse: false,
      attestationServerUrl: hgs.services.attestationUrl,
      keyProtectionServerUrl: hgs.services.keyProtectionUrl,
      agent: { pid: process.pid, stateFolder: settings.stateFolder, failuresInARow: 0 },
    });
    expect(await isGuarded(agent)).toBe(true);
  });

  it('keeps the certificate of the agent before it, unless the machine was started anew', async () => {
    const at = await aMachineAt([here], clock);
    const before = await anAgent(at.settings, fakeTiming(clock));
    const { lastAttestation } = await statusOf(before);
    await before.close();
    const decided = await at.verdictsAt(here);

    const again = await anAgent(at.settings, fakeTiming(clock));
    expect(await isGuarded(again)).toBe(true);
    expect((await statusOf(again)).lastAttestation).toEqual(lastAttestation);
    expect(await at.verdictsAt(here)).toBe(decided);
    await again.close();

    await at.machine.boot(boot('uki-snakeoil'));
    const rebooted = await anAgent(at.settings, fakeTiming(clock));
    expect(await isGuarded(rebooted)).toBe(true);
    expect((await statusOf(rebooted)).lastAttestation?.traceId).not.toBe(lastAttestation?.traceId);
  });

  it('renews the certificate before it ends', async () => {
    const at = await aMachineAt([here], clock);
    const agent = await anAgent(at.settings, fakeTiming(clock, 0.999));
    const { lastAttestation, healthCertificate } = await statusOf(agent);
    const decided = await at.verdictsAt(here);
    await agent.timing.passUntil(async () => (await at.verdictsAt(here)) > decided);
    expect(clock.now() < new Date(healthCertificate!.notAfter)).toBe(true);
    const renewed = await statusOf(agent);
    expect(renewed).toMatchObject({ isHostGuarded: true, attestationStatus: 'Passed' });
    expect(renewed.lastAttestation?.traceId).not.toBe(lastAttestation?.traceId);
  });

  it('attests on demand; who asks at the same time shares one attestation', async () => {
    const at = await aMachineAt([here], clock);
    const agent = await anAgent(at.settings, fakeTiming(clock));
    const decided = await at.verdictsAt(here);
    const asked = await Promise.all(Array.from({ length: 5 }, () => agent.client.call(agentRoutes.attest)));
    expect(new Set(asked.map((each) => expectOk(each).traceId)).size).toBe(1);
    expect(await at.verdictsAt(here)).toBe(decided + 1);
  });

  it('tells a refusal with the code and the trace id of the service, and tries again', async () => {
    const { settings, machine } = await aMachineAt([here], clock);
    const agent = await anAgent(settings, fakeTiming(clock, 1));
    await machine.boot(boot('uki-snakeoil-cmdline-changed')); // the log that it shows is still the approved one
    const refused = await agent.client.call(agentRoutes.attest);
    expect(refused).toMatchObject({
      fault: {
        code: 'policy-denied',
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
        subStatus: ['TcgLogVerification'],
      },
    });
    expect(await isGuarded(agent)).toBe(false);
    expect(await statusOf(agent)).toMatchObject({
      isHostGuarded: false,
      attestationStatus: 'InsecureHostConfiguration',
      attestationSubStatus: ['TcgLogVerification'],
      agent: { failuresInARow: 1 },
    });
    await machine.boot(boot('uki-snakeoil'));
    await agent.timing.passUntil(() => isGuarded(agent));
  });

  it('has a socket for its own user alone', async () => {
    const { settings } = await aMachineAt([here], clock);
    await anAgent(settings, fakeTiming(clock));
    expect((await stat(settings.socket)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(settings.socket))).mode & 0o777).toBe(0o700);
  });

  it('is the only one of its state folder, and of its socket', async () => {
    const { settings } = await aMachineAt([here], clock);
    const agent = await anAgent(settings, fakeTiming(clock));
    const start = (change: object) =>
      startAgent({ settings: { ...settings, ...change }, version: '0', logger, timing: fakeTiming(clock) });
    const taken = { ok: false, fault: { code: 'agent-running' } };
    expect(await start({ socket: `${settings.stateFolder}-2/agent.sock` })).toMatchObject(taken);
    expect(await start({ stateFolder: `${settings.stateFolder}-3` })).toMatchObject(taken);
    expect(await isGuarded(agent)).toBe(true); // its socket is still there
    await agent.close();
    await anAgent(settings, fakeTiming(clock));
  });

  it('removes no file that is none of its own, and takes no path that no socket can have', async () => {
    const { settings } = await aMachineAt([here], clock);
    const own = `${settings.stateFolder}/own`;
    const unusable = { ok: false, fault: { code: 'socket-unusable' } };
    await mkdir(settings.stateFolder, { recursive: true });
    await writeFile(own, 'precious');
    for (const socket of [own, `${settings.stateFolder}/${'x'.repeat(100)}`])
      expect(await startAgent({ settings: { ...settings, socket }, version: '0', logger })).toMatchObject(unusable);
    expect(await readFile(own, 'utf8')).toBe('precious');
    await anAgent(settings, fakeTiming(clock)); // no lock was left behind
  });

  it('refuses folders that are open to others', async () => {
    const { settings } = await aMachineAt([here], clock);
    const socket = '/tmp/agent.sock';
    const start = (change: object) => startAgent({ settings: { ...settings, ...change }, version: '0', logger });
    expect(await start({ socket })).toMatchObject({ ok: false, fault: { code: 'socket-unusable' } });
    expect(await start({ stateFolder: '/tmp' })).toMatchObject({ ok: false, fault: { code: 'state-unreadable' } });
    await anAgent(settings, fakeTiming(clock)); // no lock was left behind
  });

  it('asks nobody in local mode', async () => {
    const { settings } = await aMachineAt([here], clock);
    const agent = await anAgent({ ...settings, mode: 'local' }, fakeTiming(clock));
    expect(await statusOf(agent)).toMatchObject({
      mode: 'Local',
      remarks: ["local mode: this host asks nobody; VMs open with the owner's own key"],
      isHostGuarded: false,
      attestationOperationMode: 'Unknown',
      attestationStatus: 'NotConfigured',
      services: [],
    });
    expect(agent.timing.waits).toEqual([]);
    expect(await agent.client.call(agentRoutes.attest)).toMatchObject({ fault: { code: 'local-mode' } });
    expect(await agent.context.host.deps()).toMatchObject({ fault: { code: 'local-mode' } });
  });
});
