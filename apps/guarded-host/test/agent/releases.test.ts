import { rm } from 'node:fs/promises';
import { createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import { keyProtectionRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { systemClock } from '@sekimori/service-kit/program';
import { boot } from '@sekimori/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agentRoutes } from '../../src/agent/api.ts';
import { type HostSettings, releaseKeys } from '../../src/index.ts';
import { type Address, aMachineAt, anAgent, type TestAgent } from '../support/agent-host.ts';
import { fakeTiming } from '../support/fake-timing.ts';
import { type Hgs, startHgs } from '../support/hgs.ts';
import { aProtector, hexOf } from '../support/protector.ts';
import { proxyTo } from '../support/proxy.ts';

// Key protection services know revocations of the last seconds only, so time does not pass here.
const [first, second] = [await startHgs(), await startHgs()];
const near: Address = { hgs: first, name: 'near', urls: [first.services.attestationUrl] };
const far: Address = { hgs: second, name: 'far', urls: [second.services.attestationUrl] };

const aMachine = () => aMachineAt([near, far], systemClock);
const statusOf = async ({ client }: TestAgent) => expectOk(await client.call(agentRoutes.status));

/** Its fingerprint, as the service tells it. */
async function guardianOf({ ca, services }: Hgs): Promise<string> {
  const transport = nodeTransport({ ca });
  onTestFinished(() => transport.close());
  const client = createClient({ baseUrl: services.keyProtectionUrl, transport });
  return expectOk(await client.call(keyProtectionRoutes.guardian)).fingerprint;
}

describe('a release', () => {
  it('falls over to the next node, and to the next service of the guardian', async () => {
    const { settings } = await aMachine();
    const [dead, live] = [
      await proxyTo(first.services.keyProtectionUrl),
      await proxyTo(first.services.keyProtectionUrl),
    ];
    await dead.down();
    const ca = first.caFile;
    const agent = await anAgent({ ...settings, keyProtection: [{ urls: [dead.url, live.url], ca }] }, fakeTiming());
    const ports = expectOk(await agent.context.host.deps());
    const [service] = ports.keyProtection;
    const { protector, transportKey } = await aProtector({ keyProtection: [{ nodes: service!.nodes.slice(1) }] });
    const { keys } = expectOk(await releaseKeys(ports, protector));
    expect(hexOf(keys.ingress)).toBe(transportKey);
    expect(await statusOf(agent)).toMatchObject({ isFallbackInUse: true, keyProtectionServerUrl: live.url });
  });

  it('shows the certificate of the attestation service that the key protection service knows', async () => {
    const { settings, verdictsAt } = await aMachine();
    const theirs: HostSettings['keyProtection'] = [{ urls: [second.services.keyProtectionUrl], ca: second.caFile }];
    const agent = await anAgent({ ...settings, keyProtection: theirs }, fakeTiming());
    const ports = expectOk(await agent.context.host.deps());
    const { protector, transportKey } = await aProtector(ports);
    expect(hexOf(expectOk(await releaseKeys(ports, protector)).keys.ingress)).toBe(transportKey);
    const decided = await verdictsAt(far);
    expectOk(await releaseKeys(ports, protector));
    expect(await verdictsAt(far)).toBe(decided); // the certificate at hand is used
  });

  it('is asked of nobody whose guardian is no party of the protector', async () => {
    const { settings } = await aMachine();
    const proxy = await proxyTo(first.services.keyProtectionUrl);
    const [one, two] = settings.keyProtection;
    const agent = await anAgent(
      {
        ...settings,
        keyProtection: [
          { ...one!, urls: [proxy.url], guardian: await guardianOf(first) },
          { ...two!, guardian: await guardianOf(second) },
        ],
      },
      fakeTiming(),
    );
    const ports = expectOk(await agent.context.host.deps());
    const forSecond = await aProtector({ keyProtection: ports.keyProtection.slice(1) });
    expectOk(await releaseKeys(ports, forSecond.protector));
    expect(proxy.connections()).toBe(0);
    const onlyFirst = { ...ports, keyProtection: ports.keyProtection.slice(0, 1) };
    expect(await releaseKeys(onlyFirst, forSecond.protector)).toMatchObject({ fault: { code: 'guardian-not-served' } });
    expect(await releaseKeys(onlyFirst, new Uint8Array(9))).toMatchObject({ ok: false });
  });

  it('at the start of the machine shares the attestation of the agent', async () => {
    const at = await aMachine();
    await at.machine.boot(boot('uki-snakeoil'));
    const decided = await at.verdictsAt(near);
    const agent = await anAgent(at.settings, fakeTiming());
    await rm(`${at.settings.stateFolder}/services/near/health.json`);
    const ports = expectOk(await agent.context.host.deps());
    const { protector } = await aProtector(ports);
    const [, released] = await Promise.all([agent.client.call(agentRoutes.attest), releaseKeys(ports, protector)]);
    expectOk(released);
    expect(await at.verdictsAt(near)).toBe(decided + 2);
  });
});
