import { createClient } from '@sekimori/client';
import { expectOk, ok } from '@sekimori/result';
import { boot } from '@sekimori/testkit';
import { describe, expect, it } from 'vitest';
import { agentRoutes } from '../../src/agent/api.ts';
import { Renewal } from '../../src/agent/renewal.ts';
import { adoptEnrolment, enrol, releaseKeys } from '../../src/index.ts';
import { type Address, aMachineAt, anAgent, logger, type TestAgent } from '../support/agent-host.ts';
import { fakeClock, fakeTiming } from '../support/fake-timing.ts';
import { startHgs } from '../support/hgs.ts';
import { aHost, uniqueName } from '../support/host.ts';
import { aProtector } from '../support/protector.ts';
import { proxyTo } from '../support/proxy.ts';
import { listenAsTpm } from '../support/tpm-socket.ts';

const clock = fakeClock(); // the services live in the agents' time
const [first, second] = [await startHgs(clock), await startHgs(clock)];

const statusOf = async ({ client }: TestAgent) => expectOk(await client.call(agentRoutes.status));
const isGuarded = async ({ client }: TestAgent) => expectOk(await client.call(agentRoutes.guarded)).isHostGuarded;

/** A machine at two attestation services, each behind an address that can be down. */
async function aMachineAtBoth() {
  const [one, two] = [await proxyTo(first.services.attestationUrl), await proxyTo(second.services.attestationUrl)];
  const [near, far]: readonly [Address, Address] = [
    { hgs: first, name: 'near', urls: [one.url] },
    { hgs: second, name: 'far', urls: [two.url] },
  ];
  return { one, two, near, far, ...(await aMachineAt([near, far], clock)) };
}

describe('of two attestation services', () => {
  it('the second answers while the first is down; the first is returned to by itself', async () => {
    const { settings, one, two } = await aMachineAtBoth();
    await one.down();
    const agent = await anAgent(settings, fakeTiming(clock));
    expect(await isGuarded(agent)).toBe(true);
    expect(await statusOf(agent)).toMatchObject({
      isHostGuarded: true,
      attestationStatus: 'Passed',
      isFallbackInUse: true,
      attestationServerUrl: two.url,
      services: [
        { service: 'near', attestationStatus: 'TransientError', lastAttestation: { code: 'outage' } },
        { service: 'far', attestationStatus: 'Passed', lastAttestation: { code: 'passed', url: two.url } },
      ],
    });
    await one.up();
    await agent.timing.passUntil(async () => !(await statusOf(agent)).isFallbackInUse);
    expect(await statusOf(agent)).toMatchObject({
      isHostGuarded: true,
      attestationServerUrl: one.url,
      services: [{ attestationStatus: 'Passed' }, { attestationStatus: 'Passed' }],
    });
  });

  it('the second is not attested at again, only because the first is still down', async () => {
    const { settings, one, far, verdictsAt } = await aMachineAtBoth();
    await one.down();
    const agent = await anAgent(settings, fakeTiming(clock));
    const decided = await verdictsAt(far);
    const tried = one.connections();
    for (let waits = 0; waits < 20; waits++) await agent.timing.pass();
    expect(await verdictsAt(far)).toBe(decided);
    expect(one.connections()).toBe(tried);
    expect(await isGuarded(agent)).toBe(true);
  });

  it('the second is not asked after the first has refused', async () => {
    const { settings, machine, far, two, verdictsAt } = await aMachineAtBoth();
    const decided = await verdictsAt(far);
    const asked = two.connections();
    await machine.boot(boot('uki-snakeoil-initrd-changed'));
    const agent = await anAgent(settings, fakeTiming(clock));
    expect(await isGuarded(agent)).toBe(false);
    expect(await agent.client.call(agentRoutes.attest)).toMatchObject({ fault: { code: 'policy-denied' } });
    expect(two.connections()).toBe(asked);
    expect(await verdictsAt(far)).toBe(decided);
    expect(await statusOf(agent)).toMatchObject({ attestationStatus: 'InsecureHostConfiguration' });
  });

  it('a certificate of the second does not outlive a refusal of the first', async () => {
    const { settings, machine, one } = await aMachineAtBoth();
    await one.down();
    const agent = await anAgent(settings, fakeTiming(clock));
    expect(await isGuarded(agent)).toBe(true);
    await one.up();
    await machine.boot(boot('uki-snakeoil-initrd-changed'));
    await agent.timing.passUntil(async () => !(await isGuarded(agent)));
    expect(await statusOf(agent)).toMatchObject({
      isHostGuarded: false,
      attestationStatus: 'InsecureHostConfiguration',
    });
    const ports = expectOk(await agent.context.host.deps());
    const { protector } = await aProtector(ports);
    expect(await releaseKeys(ports, protector)).toMatchObject({ fault: { code: 'policy-denied' } });
  });

  it('both down: the status says so, and the agent resumes by itself when one is back', async () => {
    const { settings, one, two } = await aMachineAtBoth();
    await one.down();
    await two.down();
    const timing = fakeTiming(clock, 1);
    const agent = await anAgent(settings, timing);
    for (let failures = 1; failures < 6; failures++) await timing.pass();
    expect(timing.waits).toEqual([2000, 4000, 8000, 16_000, 32_000, 60_000]);
    expect(await statusOf(agent)).toMatchObject({
      isHostGuarded: false,
      attestationStatus: 'TransientError',
      lastAttestation: { code: 'outage', detail: expect.stringContaining('nothing listens there') as string },
      agent: { failuresInARow: 6 },
    });
    expect(await agent.client.call(agentRoutes.attest)).toMatchObject({
      fault: { code: 'outage', detail: expect.stringContaining('any of 2 addresses') as string },
    });
    await two.up();
    await timing.passUntil(() => isGuarded(agent));
    expect(await statusOf(agent)).toMatchObject({ isFallbackInUse: true, agent: { failuresInARow: 0 } });
  });

  it('a good certificate stays good while all are down', async () => {
    const { settings, one, two } = await aMachineAtBoth();
    const agent = await anAgent(settings, fakeTiming(clock));
    await one.down();
    await two.down();
    expect(await agent.client.call(agentRoutes.attest)).toMatchObject({ fault: { code: 'outage' } });
    expect(await isGuarded(agent)).toBe(true);
    expect(await statusOf(agent)).toMatchObject({ isHostGuarded: true, attestationStatus: 'Passed' });
  });
});

describe('what stands in the way', () => {
  it('a service that is asked too often is left alone for as long as it says', async () => {
    const { deps, pair } = await aHost(first);
    expectOk(await enrol(deps, { name: uniqueName() }));
    const timing = fakeTiming(clock, 0);
    let answers = 0;
    const problem = { type: 'x', title: 'x', status: 429, code: 'too-many-requests', detail: 'x', traceId: 'x' };
    const transport = async () => {
      answers++;
      const body = new TextEncoder().encode(JSON.stringify(problem));
      return { status: 429, contentType: 'application/problem+json', retryAfter: '120', body };
    };
    const node = { url: 'https://busy', client: createClient({ baseUrl: 'https://busy', transport }) };
    const { state } = deps;
    const ports = async () => ok({ ...pair(), attestation: [{ name: 'busy', nodes: [node], state }] });
    const renewal = new Renewal({ ports, logger, timing });
    renewal.start();
    await timing.settled();
    await timing.pass();
    await timing.pass();
    expect(answers).toBe(1);
    expect(timing.waits).toEqual([60_000, 60_000, 1000]);
    await timing.pass();
    expect(answers).toBe(2);
    await renewal.stop();
  });

  it('a TPM that is away comes back without a new start of the agent', async () => {
    const { settings, machine } = await aMachineAtBoth();
    const agent = await anAgent(
      { ...settings, tpm: { kind: 'swtpm', path: `${settings.stateFolder}-tpm` } },
      fakeTiming(clock),
    );
    expect(await statusOf(agent)).toMatchObject({
      agent: { failuresInARow: 1 },
      lastAttestation: { code: 'tpm-outage' },
    });
    await listenAsTpm(machine.software.transport, `${settings.stateFolder}-tpm`);
    await agent.timing.passUntil(() => isGuarded(agent));
  });

  it('a host that is not enrolled yet is attested once it is', async () => {
    const at = await aMachineAtBoth();
    const agent = await anAgent({ ...at.settings, stateFolder: `${at.settings.stateFolder}-2` }, fakeTiming(clock));
    expect(await agent.client.call(agentRoutes.attest)).toMatchObject({ fault: { code: 'not-enrolled' } });
    expect(await statusOf(agent)).toMatchObject({ attestationStatus: 'NotConfigured' });
    const near = expectOk(await agent.context.host.atService('near'));
    expectOk(await adoptEnrolment(near, at.ids.get('near')!));
    await agent.timing.passUntil(() => isGuarded(agent));
  });
});
