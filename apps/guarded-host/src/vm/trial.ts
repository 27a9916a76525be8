import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type VmId, VTPM_STATE_KEY_BYTES } from '@sekimori/guest-state';
import type { GuardianKeys } from '@sekimori/key-protector';
import { discardQemu, launchQemu } from '@sekimori/qemu';
import { fail, ok, type Result } from '@sekimori/result';
import { type BootPolicy, signBootPolicy, talkToGuest } from '../guest-disk/index.ts';
import { randomSecret } from '../random-secret.ts';
import { manufactureTrialTpm, startVirtualTpm } from '../vtpm/index.ts';
import type { VmDefinition } from './definition/schema.ts';
import { openGuestSocket } from './guest-socket.ts';
import { CODE, machineOf, socketsIn, VARIABLES } from './machine.ts';
import { memoryFile } from './memory.ts';
import { makeRunFolder, runPaths } from './run-record.ts';
import { firmwareFor, type VmSettings } from './settings.ts';

const LIMIT_MILLIS = 300_000;

export interface Trial {
  readonly settings: VmSettings;
  readonly definition: VmDefinition;
  readonly vmId: VmId;
  /** The disk that it boots from, in clear. */
  readonly bootDisk: string;
  readonly nvram: Uint8Array;
  /** Aborted where somebody waits no longer. */
  readonly signal: AbortSignal;
}

/**
 * Boots once with a TPM that is thrown away and none of the VM's other disks, and asks the guest what its PCRs are: the owner approves a
 * boot that was seen, not one that was computed. `trial-failed`: the guest did not tell; and faults of swtpm and QEMU.
 */
async function trialBoot(trial: Trial): Promise<Result<ReadonlyMap<number, Uint8Array>>> {
  await sweepTrials(trial.settings.runFolder);
  const undo: (() => Promise<unknown>)[] = [];
  try {
    return await bootOnce(trial, (step) => void undo.push(step));
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}

async function bootOnce(
  trial: Trial,
  atTheEnd: (step: () => Promise<unknown>) => void,
): Promise<Result<ReadonlyMap<number, Uint8Array>>> {
  const { settings, definition } = trial;
  // One below those of VMs: what a trial leaves behind is no VM's.
  const uid = process.getuid?.() === 0 ? settings.uidBase - 1 : undefined;
  const boot = definition.disks.find(({ mode }) => mode === 'boot');
  if (!boot) return fail('trial-failed', 'the definition has no disk in mode boot');
  const runFolder = join(settings.runFolder, `${TRIAL}${process.pid}-${toHex(crypto.random(4))}`);
  await makeRunFolder(runFolder, uid);
  atTheEnd(() => rm(runFolder, { recursive: true, force: true }));
  const [stateDir, stateKey] = [join(runFolder, 'state'), randomSecret(VTPM_STATE_KEY_BYTES)];
  const made = await manufactureTrialTpm({ stateDir, stateKey });
  if (!made.ok) return made;
  const { vtpm: controlSocket, guest } = socketsIn(runFolder);
  const logFile = join(runFolder, 'swtpm.log');
  const vtpm = await startVirtualTpm({ stateDir, stateKey, controlSocket, logFile, ...(uid !== undefined && { uid }) });
  if (!vtpm.ok) return vtpm;
  atTheEnd(() => vtpm.value.stop());
  const nvram = await memoryFile(trial.nvram);
  if (!nvram.ok) return nvram;
  atTheEnd(() => nvram.value.close());
  const code = await open(firmwareFor(settings, definition.firmware).code, 'r');
  atTheEnd(() => code.close());
  const disk = await open(trial.bootDisk, 'r');
  atTheEnd(() => disk.close());
  // Nobody is to look at it from outside, and it talks to nobody.
  const { devices: _, networks: __, ...rest } = definition;
  const launched = await launchQemu({
    machine: machineOf({ ...rest, disks: [boot] }, runFolder, { lockMemory: false }),
    runFolder: runPaths(runFolder).machine,
    descriptors: new Map([
      [VARIABLES, nvram.value.fd],
      [CODE, code.fd],
      [boot.name, disk.fd],
    ]),
    // Nothing in it is secret: it is the owner's own machine, and no disk but the clear one.
    ...(uid === undefined ? { insecureSameUser: true } : { identity: { uid, gid: uid } }),
    paused: true,
  });
  if (!launched.ok) return launched;
  const machine = launched.value;
  atTheEnd(() => machine.stop({ graceMillis: 0 }));
  const port = await openGuestSocket(guest);
  const resumed = await machine.resume();
  if (!resumed.ok) return resumed;
  const giveUp = () => void port.destroy();
  const late = setTimeout(giveUp, LIMIT_MILLIS);
  trial.signal.addEventListener('abort', giveUp);
  if (trial.signal.aborted) giveUp();
  const outcome = await talkToGuest(port, { mode: 'trial' });
  clearTimeout(late);
  trial.signal.removeEventListener('abort', giveUp);
  port.destroy();
  if (trial.signal.aborted) return fail('interrupted', 'the trial boot was ended before the guest told its PCRs');
  if (!outcome.ok) return fail('trial-failed', 'the guest did not tell its PCRs', { cause: outcome.fault });
  return outcome.value.type === 'trial'
    ? ok(outcome.value.pcrs)
    : fail('trial-failed', 'the guest did not take part in a trial');
}

const TRIAL = 'trial-';

/** Ends the trials whose program is gone without having done so. */
export async function sweepTrials(runFolder: string): Promise<void> {
  for (const name of await readdir(runFolder).catch(() => [] as string[])) {
    const pid = new RegExp(`^${TRIAL}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || (await isRunning(pid))) continue;
    const folder = join(runFolder, name);
    await discardQemu(runPaths(folder).machine); // swtpm ends with it
    await rm(folder, { recursive: true, force: true });
  }
}

const isRunning = (pid: string): Promise<boolean> =>
  stat(`/proc/${pid}`).then(
    () => true,
    () => false,
  );

/** A trial boot whose result the owner signs. */
export async function learnBootPolicy(owner: GuardianKeys, label: string, trial: Trial): Promise<Result<BootPolicy>> {
  const pcrs = await trialBoot(trial);
  if (!pcrs.ok) return pcrs;
  return ok(await signBootPolicy(crypto, owner, { vmId: trial.vmId, label, pcrs: pcrs.value }));
}
