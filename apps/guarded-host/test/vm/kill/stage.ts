import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallArguments } from '@sekimori/client';
import { parseVmId } from '@sekimori/guest-state';
import { tinyGuestImage } from '@sekimori/lab';
import type { AnyRoute, ReplyOf } from '@sekimori/protocol';
import { expectOk, type Result } from '@sekimori/result';
import { agentClient, AgentOutageError } from '../../../src/agent/client.ts';
import { connectHost, loadHostConfig } from '../../../src/index.ts';
import { type StartReport, type VmDetails, vmRoutes } from '../../../src/vm/api.ts';
import { socketsIn } from '../../../src/vm/machine.ts';
import { runFolderOf } from '../../../src/vm/run-record.ts';
import { takeIn } from '../../support/administration.ts';
import { SerialConsole } from './console.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import type { Daemon } from '../support/daemon.ts';
import type { Victim } from './points.ts';
import { isThere, killAllOf, processesOf } from '../support/processes.ts';
import { ServedFolder } from './services.ts';
import { aHostTpm } from './tpm.ts';
import { aPlace, aShieldedVm, vmSettings } from '../support/vm-host.ts';

const NAME = 'tiny';
/** A beat, a look and a resealing of what changed, six times in it. */
const SHORT_LEASE_SECONDS = 3;
/** As in the arguments of the shell that becomes one. */
const PROGRAMS = { qemu: 'qemu-system', swtpm: ' swtpm socket ' } as const;
const SETTLE_MILLIS = 30_000;

/** How a request to the agent ended: `gone` where the agent died over it. */
export type Outcome<T> = Result<T> | 'gone';

/**
 * A machine with a shielded VM: agent, services and the machine's TPM are processes of their own, commanded and configured as in
 * production. The guest counts its boots on its encrypted disk and in its NVRAM, and stays until it is told to power down.
 */
export class KillStage {
  readonly agent: Daemon;
  readonly service: ServedFolder;
  readonly console: SerialConsole;
  readonly vmFolder: string;
  /** Of all VMs of the machine, and of this one. */
  readonly runFolders: string;
  readonly runFolder: string;
  readonly #socket: string;
  readonly #close: (() => Promise<void>)[];

  private constructor(parts: {
    readonly folder: string;
    readonly service: ServedFolder;
    readonly agent: Daemon;
    readonly vm: { readonly folder: string; readonly id: string };
    readonly runFolders: string;
    readonly close: (() => Promise<void>)[];
  }) {
    this.service = parts.service;
    this.vmFolder = parts.vm.folder;
    this.runFolders = parts.runFolders;
    this.runFolder = runFolderOf(parts.runFolders, parseVmId(parts.vm.id)!);
    this.#socket = join(parts.folder, 'agent', 'agent.sock');
    this.#close = parts.close;
    this.agent = parts.agent;
    this.console = new SerialConsole(socketsIn(this.runFolder).serial);
  }

  static async make({ leaseSeconds = SHORT_LEASE_SECONDS } = {}): Promise<KillStage> {
    const close: (() => Promise<void>)[] = [];
    try {
      return await KillStage.#set(close, leaseSeconds);
    } catch (error) {
      for (const each of close.toReversed()) await each();
      throw error;
    }
  }

  static async #set(close: (() => Promise<void>)[], leaseSeconds: number): Promise<KillStage> {
    const place = await aPlace();
    close.push(() => place.remove());
    const { folder } = place;
    const service = await ServedFolder.make(join(folder, 'services'));
    close.push(() => service.daemon.end());
    const tpm = await aHostTpm(folder);
    close.push(() => tpm.swtpm.stop());
    const settings = await vmSettings(folder, { leaseSeconds, uidBase: 1_910_000_000 });
    const config = join(folder, 'host.json');
    await mkdir(join(folder, 'agent'), { mode: 0o700 });
    await writeFile(
      config,
      JSON.stringify({
        name: 'node',
        stateFolder: 'state',
        socket: 'agent/agent.sock',
        tpm: { swtpm: { socket: tpm.swtpm.socketPath } },
        eventLog: tpm.log,
        endorsementIntermediates: tpm.issuerFile,
        attestation: { url: service.attestationUrl, ca: service.caFile },
        keyProtection: { url: service.keyProtectionUrl, ca: service.caFile },
        vms: settings,
      }),
    );
    await becomeActive(service, config, tpm.root);
    const image = tinyGuestImage({ message: 'hello', countOnDisk: true, countInNvram: true, mode: 'stay' });
    const vm = await aShieldedVm(settings, NAME, { image, guardians: [await service.guardian()] });
    const agent = await startAgentProcess(config);
    const stage = new KillStage({ folder, service, agent, vm, runFolders: settings.runFolder, close });
    close.push(() => stage.#endVm());
    return stage;
  }

  start(): Promise<Outcome<StartReport>> {
    return this.#call(vmRoutes.start, { params: { name: NAME }, body: {} });
  }

  stop(graceSeconds = 10): Promise<Outcome<{ readonly how: string }>> {
    return this.#call(vmRoutes.stop, { params: { name: NAME }, body: { graceSeconds } });
  }

  async show(): Promise<VmDetails> {
    const shown = await this.#call(vmRoutes.show, { params: { name: NAME } });
    if (shown === 'gone') throw new Error('the agent does not answer');
    return expectOk(shown);
  }

  /** SIGKILL, to whatever of the VM, or of those who look after it, runs at this moment. False where there was nothing. */
  async kill(victim: Victim): Promise<boolean> {
    if (victim === 'agent' || victim === 'service') {
      const daemon = victim === 'agent' ? this.agent : this.service.daemon;
      const runs = daemon.pid !== undefined;
      await daemon.kill();
      return runs;
    }
    const struck = processesOf(this.runFolder).find(
      ({ kind, command }) => kind === victim || (kind === 'shell' && command.includes(PROGRAMS[victim])),
    );
    if (!struck || !isThere(struck.pid)) return false;
    process.kill(struck.pid, 'SIGKILL');
    while (isThere(struck.pid)) await sleep(1);
    return true;
  }

  /** As the machine's service manager and its operator do it. */
  async recover(): Promise<void> {
    await this.service.daemon.ensure();
    await this.agent.ensure();
  }

  /** How the VM stands, once the agent and the machine's processes say the same. */
  async settled(): Promise<VmDetails> {
    const deadline = performance.now() + SETTLE_MILLIS;
    for (;;) {
      const shown = await this.show();
      const qemus = processesOf(this.runFolder).filter(({ kind }) => kind === 'qemu');
      const agrees = shown.state === 'running' ? qemus.some(({ pid }) => pid === shown.pid) : qemus.length === 0;
      if (agrees) return shown;
      if (performance.now() > deadline)
        throw new Error(`the agent says ${JSON.stringify(shown)}, and there are ${JSON.stringify(qemus)}`);
      await sleep(20);
    }
  }

  /** The end of what the agent said. */
  async agentLog(): Promise<string> {
    return (await this.agent.said()).split('\n').slice(-40).join('\n');
  }

  async close(): Promise<void> {
    for (const close of this.#close.toReversed()) await close();
  }

  async #endVm(): Promise<void> {
    await this.console.close();
    if (this.agent.pid !== undefined) await this.stop(0);
    await this.agent.end();
    killAllOf(this.runFolders);
  }

  async #call<R extends AnyRoute>(route: R, ...input: CallArguments<R>): Promise<Outcome<ReplyOf<R>>> {
    try {
      return await agentClient(this.#socket).call(route, ...input);
    } catch (error) {
      if (error instanceof AgentOutageError) return 'gone';
      throw error;
    }
  }
}

async function becomeActive(service: ServedFolder, config: string, vendorRoot: Uint8Array): Promise<void> {
  await service.administrator.trust(vendorRoot);
  const settings = expectOk(await loadHostConfig({ file: config, env: {} }));
  const host = expectOk(await connectHost(settings));
  const intermediates = expectOk(await host.endorsementIntermediates());
  await takeIn(service.administrator, expectOk(await host.atService()), { name: settings.name, intermediates });
  await host.close();
}
