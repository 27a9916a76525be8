import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { createLogger } from '@sekimori/service-kit/daemon';
import type { Clock } from '@sekimori/service-kit/program';
import { boot, bootFile, type VirtualHost, virtualHost } from '@sekimori/testkit';
import { onTestFinished } from 'vitest';
import { agentClient, type AgentClient } from '../../src/agent/client.ts';
import { type AgentOptions, type RunningAgent, startAgent } from '../../src/agent/agent.ts';
import { connectHost, type HostSettings, loadHostConfig } from '../../src/index.ts';
import { takeIn } from './administration.ts';
import type { FakeTiming } from './fake-timing.ts';
import { aFolder } from './folders.ts';
import type { Hgs } from './hgs.ts';
import { uniqueName } from './host.ts';
import { listenAsTpm } from './tpm-socket.ts';

/** One attestation service of a machine, and the address where the machine finds it. */
export interface Address {
  readonly hgs: Hgs;
  readonly name: string;
  readonly urls: readonly string[];
}

export interface AgentMachine {
  /** Their state folder is empty but for the enrolments. */
  readonly settings: HostSettings;
  readonly configFile: string;
  readonly machine: VirtualHost;
  /** Its identifier at each service. */
  readonly ids: ReadonlyMap<string, string>;
  /** How many attestations a service decided. */
  readonly verdictsAt: (address: Address) => Promise<number>;
}

/** A machine that is active at each of the services, its boot a baseline there. No certificate is kept. */
export async function aMachineAt(addresses: readonly Address[], clock: Clock): Promise<AgentMachine> {
  const folder = await aFolder();
  const machine = await virtualHost({ crypto, boot: boot('uki-snakeoil') });
  await listenAsTpm(machine.software.transport, join(folder, 'tpm.sock'));
  const file = join(folder, 'host.json');
  const config = {
    name: uniqueName(),
    stateFolder: 'state',
    socket: 'run/agent.sock',
    tpm: { swtpm: { socket: 'tpm.sock' } },
    eventLog: bootFile('uki-snakeoil', 'binary_bios_measurements'),
    attestationServices: addresses.map(({ name, urls, hgs }) => ({ name, urls, ca: hgs.caFile })),
    keyProtectionServices: addresses.map(({ hgs }) => ({ urls: [hgs.services.keyProtectionUrl], ca: hgs.caFile })),
  };
  await writeFile(file, JSON.stringify(config));
  const settings = expectOk(await loadHostConfig({ file, env: {} }));
  const host = expectOk(await connectHost(settings, { clock }));
  const ids = new Map<string, string>();
  for (const { name, hgs } of addresses) {
    await hgs.trust(machine.vendorCa.certificate.der);
    const deps = expectOk(await host.atService(name));
    const { id } = await takeIn(hgs, deps, { name: settings.name });
    await rm(join(settings.stateFolder, 'services', name, 'health.json'));
    ids.set(name, id);
  }
  await host.close();
  return {
    settings,
    configFile: file,
    machine,
    ids,
    async verdictsAt({ hgs, name }) {
      const params = { id: ids.get(name) ?? '' };
      const { verdicts } = expectOk(await hgs.administrator.call(attestationRoutes.showHost, { params }));
      return verdicts.length;
    },
  };
}

export interface TestAgent extends Pick<RunningAgent, 'context'> {
  readonly close: () => Promise<void>;
  readonly timing: FakeTiming;
  readonly client: AgentClient;
}

/** An agent in this process, whose time passes when it is told to; closed after the test. Comes back when it first waits. */
export async function anAgent(
  settings: HostSettings,
  timing: FakeTiming,
  more: Pick<AgentOptions, 'routes'> = {},
): Promise<TestAgent> {
  const agent = expectOk(await startAgent({ settings, version: '0', logger, timing, ...more }));
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= agent.close());
  onTestFinished(close);
  if (settings.mode !== 'local') await timing.settled();
  return { ...agent, close, timing, client: agentClient(settings.socket) };
}

export const logger = createLogger({ service: 'test', level: process.env['SEKIMORI_LOG_LEVEL'] ?? 'silent' });
