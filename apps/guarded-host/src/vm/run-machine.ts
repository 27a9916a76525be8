import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Secret } from '@sekimori/crypto-core';
import { launchQemu, type RunningMachine } from '@sekimori/qemu';
import { fail, ok, type Result } from '@sekimori/result';
import { startVirtualTpm, type VirtualTpm } from '../vtpm/index.ts';
import { openDisk } from './disks.ts';
import { stillOurs } from './folder/claim.ts';
import { withVtpmFolder } from './folder/generations.ts';
import { CODE, machineOf, socketsIn, VARIABLES } from './machine.ts';
import { openGuestSocket } from './guest-socket.ts';
import { canLockMemory, memoryFile } from './memory.ts';
import type { PhaseClock } from './phases.ts';
import { type RunRecord, runPaths, writeRunRecord } from './run-record.ts';
import { firmwareFor, type VmSettings } from './settings.ts';
import type { KnownVm } from './unlock.ts';

/** What `runMachine` starts from: a VM that is claimed, with its next generation written. */
export interface ClaimedVm {
  readonly vm: KnownVm;
  readonly lock: FileHandle;
  readonly phases: PhaseClock;
  readonly generation: bigint;
  readonly runFolder: string;
  readonly record: RunRecord;
}

interface Running {
  readonly machine: RunningMachine;
  readonly nvram: FileHandle;
  readonly port: Duplex;
  readonly swtpm: number;
}

/** swtpm and QEMU, with their secrets through descriptors. */
export async function runMachine(
  { settings }: { readonly settings: VmSettings },
  { uid }: { readonly uid: number | undefined },
  { vm, generation, runFolder, record, lock, phases }: ClaimedVm,
  state: { readonly vtpmStateKey: Secret; readonly diskKeys: ReadonlyMap<string, Secret>; readonly nvram: Uint8Array },
): Promise<Result<Running>> {
  const { definition, folder } = vm;
  const files = new Map<string, FileHandle>();
  let vtpm: VirtualTpm | undefined;
  let machine: RunningMachine | undefined;
  const give = async (): Promise<Result<Running>> => {
    const variables = await memoryFile(state.nvram);
    if (!variables.ok) return variables;
    const nvram = variables.value;
    files.set(VARIABLES, nvram);
    files.set(CODE, await open(firmwareFor(settings, definition.firmware).code, 'r'));
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
    machine = launched.value;
    const port = await openGuestSocket(socketsIn(runFolder).guest);
    const resumed = port.destroyed ? fail('qemu-failed', "it does not open its guest's port") : await machine.resume();
    if (!resumed.ok) return resumed;
    phases.end('qemu');
    return ok({ machine, nvram, port, swtpm: vtpm.pid });
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
    if (given?.ok !== true) {
      await machine?.stop({ graceMillis: 0 });
      await vtpm?.stop();
    }
  }
}
