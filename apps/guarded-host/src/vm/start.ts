import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { sealGuestState, type VmId, wipeGuestState } from '@sekimori/guest-state';
import { fail, ok, type Result } from '@sekimori/result';
import { lockFile } from '../flock.ts';
import { allowedHere } from './allowed.ts';
import { claim, type Claimant, releaseClaim, vmLocked } from './folder/claim.ts';
import { addGeneration, keepGenerations, removeGeneration, withVtpmFolder } from './folder/generations.ts';
import { vmPaths } from './folder/layout.ts';
import type { ReleaseKeys } from './keys.ts';
import { mayBeSwapped } from './memory.ts';
import { PhaseClock, type Phases } from './phases.ts';
import { NvramKeeper } from './nvram-keeper.ts';
import { type ClaimedVm, runMachine } from './run-machine.ts';
import { makeRunFolder, removeRunFolder, runFolderOf, writeRunRecord } from './run-record.ts';
import type { RunningVmParts } from './running-vm.ts';
import type { VmSettings } from './settings.ts';
import { type KnownVm, knownVm, unlock } from './unlock.ts';

export interface StartPorts {
  readonly settings: VmSettings;
  readonly claimant: Claimant;
  readonly release: ReleaseKeys;
  readonly now: () => Date;
}

/** A VM that runs, as the agent that started it has it. */
export interface StartedVm extends RunningVmParts {
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
  const judged = await judgedVm(ports.settings, options);
  if (!judged.ok) return judged;
  const vm = judged.value;
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

/** A VM as its folder describes it, where both its owner and this host give what the definition asks. */
async function judgedVm({ allow }: VmSettings, options: StartOptions): Promise<Result<KnownVm>> {
  const known = await knownVm(crypto, options.folder, options);
  if (!known.ok) return known;
  const allowed = allowedHere(known.value.definition, allow);
  return allowed.ok ? known : allowed;
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
  const judged = await judgedVm(settings, options);
  if (!judged.ok || judged.value.vmId !== held.vm.vmId) {
    await releaseClaim(held.vm.folder, generation);
    return judged.ok ? fail('vm-busy', 'its definition was changed meanwhile') : judged;
  }
  const vm = judged.value;
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

/** The release, and the state sealed for the generation that is to run. */
async function nextGeneration(
  ports: StartPorts,
  options: { readonly uid: number | undefined },
  claimed: ClaimedVm,
): Promise<Result<StartedVm>> {
  const { vm, generation, runFolder, record, lock, phases } = claimed;
  const unlocked = await unlock(crypto, vm, ports.release);
  if (!unlocked.ok) return unlocked;
  const { state, released } = unlocked.value;
  const { ingress, egress } = released.keys;
  ingress.wipe();
  phases.end('release');
  const own = { folder: vm.folder, vmId: vm.vmId, generation };
  const keeper = new NvramKeeper(own, { transportKey: egress, nvram: state.nvram });
  let run: Awaited<ReturnType<typeof runMachine>> | undefined;
  try {
    const guestState = sealGuestState(crypto, egress, own, state);
    await withVtpmFolder(vm.folder, vm.pair.generation, (vtpmFrom) =>
      addGeneration(vm.folder, { generation, protector: released.egressProtector, guestState, vtpmFrom }),
    );
    phases.end('seal');
    run = await runMachine(ports, options, claimed, state);
    if (!run.ok) return run;
    // It runs by now: what cannot be removed goes with the next start.
    await keepGenerations(vm.folder, [generation, vm.pair.generation]).catch(() => {});
    const { traceId } = released;
    return ok({
      ...own,
      ...run.value,
      name: record.name,
      startedAt: record.startedAt,
      runFolder,
      lock,
      keeper,
      usedLastKnownGood: vm.pair.generation !== vm.newest,
      ...(traceId === undefined ? {} : { traceId }),
      phases: phases.all,
    });
  } finally {
    wipeGuestState(state);
    if (!run?.ok) {
      keeper.close();
      await removeGeneration(vm.folder, generation); // the guest has not run: the one before it is still the good one
    }
  }
}
