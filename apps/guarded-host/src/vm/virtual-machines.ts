import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VmId } from '@sekimori/guest-state';
import { adoptQemu, discardQemu, type RunningMachine } from '@sekimori/qemu';
import { fail, ok, type Result } from '@sekimori/result';
import type { LastRun, StartReport, VmDetails, VmSummary } from './api.ts';
import { allVms, findVm } from './find.ts';
import { latestClaim, releaseClaim, stillOurs } from './folder/claim.ts';
import { generationsOf } from './folder/generations.ts';
import { openGuestSocket } from './guest-socket.ts';
import { socketsIn, VARIABLES } from './machine.ts';
import { type RekeyReport, rekeyVm } from './rekey.ts';
import { NvramKeeper } from './nvram-keeper.ts';
import { removeRunFolder, type RunRecord, runPaths, runRecords, sweepUnrecorded } from './run-record.ts';
import { endSwtpm, usersOfProcesses } from './processes.ts';
import { RunningVm, type RunningVmParts } from './running-vm.ts';
import { type StartPorts, startVm } from './start.ts';
import { sweepTrials } from './trial.ts';
import { definitionIn } from './unlock.ts';

interface Ports extends StartPorts {
  readonly log: (event: string, detail: object) => void;
}

/** The VMs of one host. One agent has them; what they need to run on is with QEMU. */
export class VirtualMachines {
  readonly #ports: Ports;
  readonly #running = new Map<string, RunningVm>();
  /** Names that are being started or stopped. */
  readonly #busy = new Set<string>();

  private constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Takes up what an agent before left running, and clears away what has ended meanwhile. */
  static async open(ports: Ports): Promise<VirtualMachines> {
    const machines = new VirtualMachines(ports);
    await sweepTrials(ports.settings.runFolder);
    await sweepUnrecorded(ports.settings.runFolder);
    for (const { runFolder, record } of await runRecords(ports.settings.runFolder))
      await machines.#adopt(runFolder, record);
    return machines;
  }

  async list(): Promise<readonly VmSummary[]> {
    const found = await allVms(this.#ports.settings.folders);
    return Promise.all(found.map(({ name, folder }) => this.#summary(name, folder)));
  }

  async show(name: string): Promise<Result<VmDetails>> {
    const folder = await findVm(this.#ports.settings.folders, name);
    if (!folder.ok) return folder;
    const summary = await this.#summary(name, folder.value);
    const read = await definitionIn(folder.value).catch(() => fail('vm-not-found', 'it cannot be read'));
    const running = this.#running.get(name);
    const devices = read.ok ? read.value.definition.devices : undefined;
    const known = read.ok ? { id: read.value.definition.id } : {};
    if (!running) {
      const [newest] = await generationsOf(folder.value);
      const lastRun = this.#lastRuns.get(name);
      const generation = newest === undefined ? {} : { generation: `${newest}` };
      return ok({ ...summary, ...known, ...generation, ...(lastRun && { lastRun }) });
    }
    const { generation, startedAt, machine, runFolder } = running.parts;
    const { serial, console, guestAgent } = socketsIn(runFolder);
    const sockets = {
      ...(devices?.serial && { serial }),
      ...(devices?.console && { console }),
      ...(devices?.guestAgent && { guestAgent }),
    };
    const { pid } = machine.process;
    return ok({ ...summary, ...known, generation: `${generation}`, startedAt, pid, guest: running.guest, sockets });
  }

  /** `vm-running`, `vm-busy`, and what `startVm` says. */
  async start(
    name: string,
    options: { readonly fenced?: boolean; readonly lastKnownGood?: boolean } = {},
  ): Promise<Result<StartReport>> {
    const folder = await findVm(this.#ports.settings.folders, name);
    if (!folder.ok) return folder;
    if (this.#running.has(name)) return fail('vm-running', `${name} runs already`);
    return this.#alone(name, async () => {
      const started = await startVm(this.#ports, {
        folder: folder.value,
        uid: await this.#takeUid(name),
        fenced: options.fenced === true,
        lastKnownGood: options.lastKnownGood === true,
        reserve: (vmId) => this.#reserve(vmId),
      });
      if (!started.ok) return started;
      const { usedLastKnownGood, traceId, phases, ...running } = started.value;
      this.#keep(running);
      const { generation } = running;
      const { pid } = running.machine.process;
      this.#ports.log('started', { vm: name, generation: `${generation}`, pid, traceId, usedLastKnownGood });
      const trace = traceId === undefined ? {} : { traceId };
      return ok({ name, generation: `${generation}`, pid, usedLastKnownGood, ...trace, phases: [...phases] });
    });
  }

  /** `vm-not-running`, `vm-busy`. */
  async stop(name: string, options: { readonly graceSeconds: number }): Promise<Result<{ readonly how: string }>> {
    const running = this.#running.get(name);
    if (!running) return fail('vm-not-running', `${name} does not run on this host`);
    return this.#alone(name, async () => ok(await running.stop(options.graceSeconds * 1000)));
  }

  /** `vm-running`, `vm-busy`, and what `rekeyVm` says. */
  async rekey(name: string): Promise<Result<RekeyReport>> {
    const folder = await findVm(this.#ports.settings.folders, name);
    if (!folder.ok) return folder;
    if (this.#running.has(name)) return fail('vm-running', `${name} runs: stop it first`);
    return this.#alone(name, () => rekeyVm(this.#ports, folder.value));
  }

  running(name: string): RunningVm | undefined {
    return this.#running.get(name);
  }

  /** Lets go of all of them; they run on. */
  async close(): Promise<void> {
    for (const vm of this.#running.values()) await vm.detach();
    this.#running.clear();
  }

  readonly #lastRuns = new Map<string, LastRun>();
  readonly #uids = new Map<string, number>();
  #nextUid = 0;
  /** Of VMs that run or are being started. */
  readonly #ids = new Set<VmId>();

  /**
   * A user that no process has, and that no VM of this agent had: what a VM left behind must not be the next one's. Only root can become
   * one.
   */
  async #takeUid(name: string): Promise<number | undefined> {
    if (process.getuid?.() !== 0) return undefined;
    const inUse = await usersOfProcesses();
    const uids = new Set(this.#uids.values());
    let uid = Math.max(this.#ports.settings.uidBase, this.#nextUid);
    while (inUse.has(uid) || uids.has(uid)) uid++;
    this.#nextUid = uid + 1;
    this.#uids.set(name, uid);
    return uid;
  }

  /** By the id, whatever the folder is called: a copy of a VM is the same VM. */
  #reserve(vmId: VmId): (() => void) | undefined {
    if (this.#ids.has(vmId)) return undefined;
    this.#ids.add(vmId);
    return () => void this.#ids.delete(vmId);
  }

  async #alone<T>(name: string, work: () => Promise<Result<T>>): Promise<Result<T>> {
    if (this.#busy.has(name)) return fail('vm-busy', `${name} is being started or stopped`);
    this.#busy.add(name);
    try {
      return await work();
    } finally {
      this.#busy.delete(name);
      if (!this.#running.has(name)) this.#uids.delete(name);
    }
  }

  #keep(parts: RunningVmParts): void {
    const { release, log, settings } = this.#ports;
    const vm = new RunningVm(parts, { release, log, leaseMillis: settings.leaseSeconds * 1000 });
    this.#running.set(parts.name, vm);
    this.#ids.add(parts.vmId);
    void this.#noteEnd(parts.name, vm);
  }

  async #noteEnd(name: string, vm: RunningVm): Promise<void> {
    const { exit, fenced } = await vm.ended;
    if (this.#running.get(name) !== vm) return;
    this.#lastRuns.set(name, {
      endedAt: this.#ports.now().toISOString(),
      ...(exit.code !== undefined && { code: exit.code }),
      ...(exit.signal !== undefined && { signal: exit.signal }),
      fenced,
      guest: vm.guest,
    });
    this.#running.delete(name);
    this.#uids.delete(name);
    this.#ids.delete(vm.parts.vmId);
  }

  /** Who asks while another looks gets the same answer: storage that hangs holds up one look at a VM, not all there are. */
  #summary(name: string, folder: string): Promise<VmSummary> {
    const looking = this.#looking.get(folder);
    if (looking) return looking;
    const look = this.#look(name, folder).finally(() => this.#looking.delete(folder));
    this.#looking.set(folder, look);
    return look;
  }

  readonly #looking = new Map<string, Promise<VmSummary>>();

  async #look(name: string, folder: string): Promise<VmSummary> {
    const read = await definitionIn(folder).catch(() => undefined); // a folder that cannot be read hides no other
    const security = read?.ok ? { security: read.value.definition.security } : {};
    if (this.#running.has(name)) return { name, folder, state: 'running', ...security };
    if ((await generationsOf(folder).catch(() => [])).length === 0)
      return { name, folder, state: read?.ok ? 'not-shielded' : 'invalid-definition', ...security };
    const claim = await latestClaim(folder).catch(() => undefined);
    const isElsewhere = claim && !claim.released && claim.machine !== this.#ports.claimant.machine;
    if (isElsewhere) return { name, folder, state: 'elsewhere', host: claim.host, ...security };
    return { name, folder, state: read?.ok ? 'stopped' : 'invalid-definition', ...security };
  }

  async #adopt(runFolder: string, record: RunRecord): Promise<void> {
    const { name, vmId, folder, uid, startedAt, swtpm } = record;
    const generation = BigInt(record.generation);
    // Storage that does not answer decides nothing yet, and one VM's holds up no other.
    const patience = sleep((this.#ports.settings.leaseSeconds * 1000) / 3, undefined, { ref: false });
    const ours = await Promise.race([stillOurs(folder, generation).catch(() => undefined), patience]);
    const adopted = await adoptQemu({ runFolder: runPaths(runFolder).machine });
    const runs = adopted.ok && (await hasRun(adopted.value));
    if (!adopted.ok || !runs || ours?.ok === false) {
      if (adopted.ok) await adopted.value.kill(); // nothing of it may reach a disk that another host has
      await discardQemu(runPaths(runFolder).machine);
      if (swtpm !== undefined) await endSwtpm(swtpm, runFolder, { graceMillis: 0 });
      if (ours?.ok) await releaseClaim(folder, generation);
      await removeRunFolder(runFolder);
      this.#ports.log('had ended', { vm: name, generation: record.generation, fenced: ours?.ok === false });
      return;
    }
    const machine = adopted.value;
    const port = await openGuestSocket(socketsIn(runFolder).guest);
    this.#uids.set(name, uid);
    const keeper = new NvramKeeper({ folder, vmId, generation });
    const nvram = await nvramOf(machine);
    this.#keep({ name, vmId, folder, generation, startedAt, runFolder, machine, keeper, port, nvram, swtpm });
    this.#ports.log('adopted', { vm: name, generation: record.generation, pid: machine.process.pid });
  }
}

/** An agent that ended before it let the guest run has not looked whether QEMU is as it must be. */
async function hasRun(machine: RunningMachine): Promise<boolean> {
  const status = await machine.status();
  return status.ok && status.value !== 'prelaunch';
}

/** Through QEMU's own descriptor: the file outlasts QEMU by that, as it does for the agent that made it. */
async function nvramOf(machine: RunningMachine): Promise<FileHandle | undefined> {
  const path = await machine.descriptorPath(VARIABLES);
  return path.ok ? open(path.value, 'r').catch(() => undefined) : undefined;
}
