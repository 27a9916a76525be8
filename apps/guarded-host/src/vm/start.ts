import { connect } from 'node:net';
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { sealGuestState, type VmId, wipeGuestState } from '@sekimori/guest-state';
import { launchQemu, type RunningMachine } from '@sekimori/qemu';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { lockFile } from '../flock.ts';
import { startVirtualTpm, type VirtualTpm } from '../vtpm/index.ts';
import { allowedHere } from './allowed.ts';
import { openDisk } from './disks.ts';
import { claim, type Claimant, releaseClaim, stillOurs, vmLocked } from './folder/claim.ts';
import { addGeneration, keepGenerations, removeGeneration, withVtpmFolder } from './folder/generations.ts';
import { vmPaths } from './folder/layout.ts';
import type { ReleaseKeys } from './keys.ts';
import { CODE, machineOf, socketsIn, VARIABLES } from './machine.ts';
import { canLockMemory, mayBeSwapped, memoryFile } from './memory.ts';
import { NvramKeeper } from './reseal.ts';
import { makeRunFolder, removeRunFolder, type RunRecord, runFolderOf, runPaths, writeRunRecord } from './run-record.ts';
import type { VmSettings } from './settings.ts';
import { type KnownVm, knownVm, unlock } from './unlock.ts';

export interface StartPorts {
  readonly settings: VmSettings;
  readonly claimant: Claimant;
  readonly release: ReleaseKeys;
  readonly now: () => Date;
}

/** How long each part of a start took, in milliseconds, in order. */
type Phases = readonly { readonly phase: StartPhase; readonly millis: number }[];
type StartPhase = 'check' | 'lock' | 'release' | 'seal' | 'vtpm' | 'qemu';

/** A VM that runs, as the agent that started it has it. */
export interface StartedVm {
  readonly vm: KnownVm;
  readonly generation: bigint;
  readonly machine: RunningMachine;
  readonly runFolder: string;
  readonly lock: FileHandle;
  readonly keeper: NvramKeeper;
  /** The firmware's variables as they are now. */
  readonly nvram: FileHandle;
  /** The guest's port. */
  readonly port: Duplex;
  /** swtpm's process. */
  readonly swtpm: number;
  /** The generation before the newest was taken, as somebody asked. */
  readonly usedLastKnownGood: boolean;
  readonly traceId?: string;
  readonly phases: Phases;
}

export interface StartOptions {
  readonly folder: string;
  /** The user that swtpm and QEMU become; undefined where this is not root. */
  readonly uid: number | undefined;
  /** Somebody answers for the host that has it being fenced. */
  readonly fenced: boolean;
  /** From the generation before the newest, protector, state and vTPM. */
  readonly lastKnownGood: boolean;
  /** Undefined where a VM of this id runs, or is being started, on this host. */
  readonly reserve: (vmId: VmId) => (() => void) | undefined;
}

/**
 * Starts a VM: the definition is judged by the owner's policy, the VM claimed, its protector opened and rolled, its state sealed anew and
 * written, and only then do swtpm and QEMU run. Faults: of `knownVm`, `claim`, the release, `unlock`; `vm-locked`, `vm-swap`, and those
 * of swtpm and QEMU. A failure leaves the VM as it was.
 */
export async function startVm(ports: StartPorts, options: StartOptions): Promise<Result<StartedVm>> {
  const { folder } = options;
  const phases = new PhaseClock();
  const known = await knownVm(crypto, folder, options);
  if (!known.ok) return known;
  const vm = known.value;
  const allowed = allowedHere(vm.definition, ports.settings.allow);
  if (!allowed.ok) return allowed;
  if (vm.policy.level === 'shielded' && (await mayBeSwapped()))
    return fail('vm-swap', 'this host may write its memory to a swap device: no shielded VM starts here');
  phases.end('check');
  const lock = await lockFile(vmPaths(folder).lock);
  if (!lock) return vmLocked(folder);
  const free = options.reserve(vm.vmId);
  let started: Result<StartedVm> | undefined;
  try {
    started = free
      ? await claimAndStart(ports, options, { vm, lock, phases })
      : fail('vm-running', `a VM of the id ${vm.vmId} runs on this host`);
    return started;
  } finally {
    if (!started?.ok) {
      free?.();
      await lock.close();
    }
  }
}

interface Held {
  readonly vm: KnownVm;
  readonly lock: FileHandle;
  readonly phases: PhaseClock;
}

async function claimAndStart(ports: StartPorts, options: StartOptions, held: Held): Promise<Result<StartedVm>> {
  const { phases } = held;
  const { settings, claimant, now } = ports;
  const leaseMillis = settings.leaseSeconds * 1000;
  const claimed = await claim(held.vm.folder, claimant, {
    atLeast: held.vm.newest,
    fenced: options.fenced,
    leaseMillis,
    at: now(),
  });
  if (!claimed.ok) return claimed;
  const generation = claimed.value;
  // What was read before it was ours may be another host's by now.
  const known = await knownVm(crypto, held.vm.folder, options);
  const allowed = known.ok ? allowedHere(known.value.definition, settings.allow) : known;
  if (!known.ok || !allowed.ok || known.value.vmId !== held.vm.vmId) {
    await releaseClaim(held.vm.folder, generation);
    if (!known.ok) return known;
    return allowed.ok ? fail('vm-busy', 'its definition was changed meanwhile') : allowed;
  }
  const vm = known.value;
  phases.end('lock');
  const runFolder = runFolderOf(settings.runFolder, vm.vmId);
  const record = {
    vmId: vm.vmId,
    name: basename(vm.folder),
    folder: vm.folder,
    generation: `${generation}`,
    uid: options.uid ?? 0,
    startedAt: now().toISOString(),
  };
  let started: Result<StartedVm> | undefined;
  try {
    await makeRunFolder(runFolder, options.uid);
    await writeRunRecord(runFolder, record); // first, so that an agent after us clears up whatever comes of it
    started = await nextGeneration(ports, options, { ...held, vm, generation, runFolder, record });
    return started;
  } finally {
    if (!started?.ok) {
      await removeRunFolder(runFolder);
      await releaseClaim(vm.folder, generation);
    }
  }
}

interface Claimed extends Held {
  readonly generation: bigint;
  readonly runFolder: string;
  readonly record: RunRecord;
}

/** The release, and the state sealed for the generation that is to run. */
async function nextGeneration(
  ports: StartPorts,
  options: { readonly uid: number | undefined },
  claimed: Claimed,
): Promise<Result<StartedVm>> {
  const { vm, generation, phases } = claimed;
  const unlocked = await unlock(crypto, vm, ports.release);
  if (!unlocked.ok) return unlocked;
  const { state, released } = unlocked.value;
  const { ingress, egress } = released.keys;
  ingress.wipe();
  phases.end('release');
  try {
    const guestState = sealGuestState(crypto, egress, { vmId: vm.vmId, generation }, state);
    await withVtpmFolder(vm.folder, vm.pair.generation, (vtpmFrom) =>
      addGeneration(vm.folder, { generation, protector: released.egressProtector, guestState, vtpmFrom }),
    );
    phases.end('seal');
    const keeper = new NvramKeeper(
      { folder: vm.folder, vmId: vm.vmId, generation },
      { transportKey: egress, nvram: state.nvram },
    );
    const run = await runMachine(ports, options, claimed, state);
    if (!run.ok) {
      keeper.close();
      await removeGeneration(vm.folder, generation); // the guest has not run: the one before it is still the good one
      return run;
    }
    await keepGenerations(vm.folder, [generation, vm.pair.generation]);
    const { traceId } = released;
    return ok({
      vm,
      generation,
      runFolder: claimed.runFolder,
      lock: claimed.lock,
      keeper,
      ...run.value,
      usedLastKnownGood: vm.pair.generation !== vm.newest,
      ...(traceId === undefined ? {} : { traceId }),
      phases: phases.all,
    });
  } finally {
    wipeGuestState(state);
  }
}

interface Running {
  readonly machine: RunningMachine;
  readonly nvram: FileHandle;
  readonly port: Duplex;
  readonly swtpm: number;
}

/** swtpm and QEMU, with their secrets through descriptors. */
async function runMachine(
  { settings }: StartPorts,
  { uid }: { readonly uid: number | undefined },
  { vm, generation, runFolder, record, lock, phases }: Claimed,
  state: { readonly vtpmStateKey: Secret; readonly diskKeys: ReadonlyMap<string, Secret>; readonly nvram: Uint8Array },
): Promise<Result<Running>> {
  const { definition, folder } = vm;
  const files = new Map<string, FileHandle>();
  let vtpm: VirtualTpm | undefined;
  const give = async (): Promise<Result<Running>> => {
    const variables = await memoryFile(state.nvram);
    if (!variables.ok) return variables;
    const nvram = variables.value;
    files.set(VARIABLES, nvram);
    const { code } = settings.firmware[definition.firmware.secureBoot ? 'secureBoot' : 'plain'];
    files.set(CODE, await open(code, 'r'));
    for (const disk of definition.disks) {
      const opened = await openDisk(folder, disk);
      if (!opened.ok) return opened;
      files.set(disk.name, opened.value);
    }
    const started = await withVtpmFolder(folder, generation, (stateDir) =>
      startVirtualTpm({
        stateDir,
        stateKey: state.vtpmStateKey,
        controlSocket: socketsIn(runFolder).vtpm,
        ...(uid !== undefined && { uid }),
        logFile: join(runFolder, 'swtpm.log'),
        onSpawned: (pid) => writeRunRecord(runFolder, { ...record, swtpm: pid }),
      }),
    );
    if (!started.ok) return started;
    vtpm = started.value;
    phases.end('vtpm');
    const ours = await stillOurs(folder, generation); // the last moment before anything writes to the disks
    if (!ours.ok) return ours;
    const launched = await launchQemu({
      machine: machineOf(definition, runFolder, {
        lockMemory: definition.security === 'shielded' && (await canLockMemory()),
      }),
      runFolder: runPaths(runFolder).machine,
      descriptors: new Map([...files].map(([id, file]) => [id, file.fd])),
      secrets: new Map([...state.diskKeys].filter(([name]) => files.has(name))),
      held: [lock.fd],
      ...(uid === undefined ? { insecureSameUser: settings.insecureSameUser } : { identity: { uid, gid: uid } }),
      outlive: true,
      paused: true,
    });
    if (!launched.ok) return launched;
    const machine = launched.value;
    const port = await guestPort(socketsIn(runFolder).guest);
    const resumed = port.ok ? await machine.resume() : port;
    if (!resumed.ok) await machine.stop({ graceMillis: 0 });
    if (!port.ok) return port;
    if (!resumed.ok) return resumed;
    phases.end('qemu');
    return ok({ machine, nvram, port: port.value, swtpm: vtpm.pid });
  };
  // QEMU has descriptors of its own by now: ours would keep its locks on the images.
  const closeFiles = async (all: boolean) => {
    for (const [id, file] of files) if (all || id !== VARIABLES) await file.close();
  };
  let given: Result<Running> | undefined;
  try {
    given = await give();
    return given;
  } finally {
    await closeFiles(given?.ok !== true);
    if (given?.ok !== true) await vtpm?.stop();
  }
}

/** `qemu-failed`: it has just ended. */
async function guestPort(path: string): Promise<Result<Duplex, Fault<'qemu-failed'>>> {
  const port = connect(path);
  try {
    await once(port, 'connect');
    port.on('error', () => {}); // it ends with QEMU
    return ok(port);
  } catch (error) {
    return fail('qemu-failed', `it does not open its guest's port: ${(error as Error).message}`);
  }
}

class PhaseClock {
  readonly #all: { readonly phase: StartPhase; readonly millis: number }[] = [];
  #since = performance.now();

  get all(): Phases {
    return this.#all;
  }

  end(phase: StartPhase): void {
    const now = performance.now();
    this.#all.push({ phase, millis: Math.round((now - this.#since) * 10) / 10 });
    this.#since = now;
  }
}
