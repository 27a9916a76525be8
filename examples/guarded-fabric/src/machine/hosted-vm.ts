import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ReleaseKeys, VirtualMachines, type VmSettings, vmSettings } from '@sekimori/guarded-host';

/**
 * In containers of ordinary users too there is such a user id, and nobody has it: systemd's table of users leaves 60706 to 61183 free.
 * Without root it plays no part.
 */
const UID_BASE = 60_900;
const GONE_MILLIS = 5000;
const GUEST_MILLIS = 120_000;

/** A VM of the story, and the host that may be given its keys. */
export interface HostedVm {
  readonly name: string;
  readonly folder: string;
  readonly machines: VirtualMachines;
  /** Numbers of the processes that work for it: QEMU and its swtpm. */
  readonly processes: () => Promise<readonly number[]>;
  /** Ends it where it runs. */
  stop(): Promise<void>;
}

/** `storage`: where VM folders lie. */
export async function vmHostSettings(storage: string): Promise<VmSettings> {
  // In memory, as /run is; a short path, since sockets lie in it; and one that swtpm's own user may pass through.
  const runFolder = await mkdtemp('/dev/shm/sekimori-');
  await chmod(runFolder, 0o711);
  return vmSettings({
    folders: [storage],
    runFolder,
    uidBase: UID_BASE,
    allow: { accelerators: ['tcg'], devices: [], taps: [], userNetwork: false },
  });
}

export async function hostVm(
  settings: VmSettings,
  vm: { readonly name: string; readonly folder: string },
  host: { readonly name: string; readonly release: ReleaseKeys },
): Promise<HostedVm> {
  const { runFolder } = settings;
  const { name, release } = host;
  const claimant = { machine: name, boot: name, host: name };
  const machines = await VirtualMachines.open({ settings, claimant, release, now: () => new Date(), log: () => {} });
  const processes = () => processesNaming(`${runFolder}/`);
  return {
    ...vm,
    machines,
    processes,
    stop: async () => {
      if (machines.running(vm.name)) await machines.stop(vm.name, { graceSeconds: 0 });
      await allGone(processes);
      await rm(runFolder, { recursive: true, force: true });
    },
  };
}

/** swtpm ends a moment after QEMU. Throws where something stays. */
export async function allGone(processes: HostedVm['processes']): Promise<void> {
  for (let waited = 0; (await processes()).length > 0; waited += 10) {
    if (waited > GONE_MILLIS) throw new Error(`still running: ${(await processes()).join(', ')}`);
    await sleep(10);
  }
}

/** Everything that the guest writes to its serial port until its machine ends. Rejects when it is to stop. */
export async function serialText(socket: string, stop: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const serial = connect({ path: socket, signal: stop });
    serial.setTimeout(GUEST_MILLIS, () => serial.destroy(new Error(`the guest is silent after: ${text}`)));
    serial.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    serial.once('error', reject);
    serial.once('close', () => resolve(text));
  });
}

async function processesNaming(text: string): Promise<readonly number[]> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const isNaming = async (number: string) =>
    (await readFile(`/proc/${number}/cmdline`, 'utf8').catch(() => '')).includes(text);
  const naming = await Promise.all(numbers.map(async (number) => ((await isNaming(number)) ? [Number(number)] : [])));
  return naming.flat();
}
