import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createVm, type NewVm, releaseKeys, shieldVm } from '@sekimori/guarded-host';
import type { Guardian, GuardianKeys } from '@sekimori/key-protector';
import { tinyGuestImage } from '@sekimori/lab';
import type { Cast } from '../cast.ts';
import { granted, refused } from '../expect.ts';
import type { Machine } from '../machine/host.ts';
import { allGone, type HostedVm, hostVm, serialText, vmHostSettings } from '../machine/hosted-vm.ts';
import type { Phases } from '../story.ts';

export const SHIELDED_VM = '4  A virtual machine with an encrypted disk';
const NAME = 'tenant-vm';

/** The tenant shields a small VM for the fabric; the attested host is given its keys, and it boots. Stopped by the end of the chapter. */
export async function runShieldedVm(
  cast: Cast,
  host: Machine,
  parties: { readonly owner: GuardianKeys; readonly fabric: Guardian },
): Promise<HostedVm> {
  const { story } = cast;
  story.chapter(SHIELDED_VM);
  const message = `Hello from the disk of ${NAME}-${cast.run}`;
  const vm = await story.step('the tenant shields a VM for the fabric, on a machine of its own', async () => {
    const storage = join(cast.folder, 'machines', 'storage');
    const settings = await vmHostSettings(storage);
    const release = (protector: Uint8Array) => releaseKeys(host.pair(), protector);
    const { folder } = granted(await createVm(storage, NAME, DEFINITION));
    const made = await hostVm(settings, { name: NAME, folder }, { name: host.name, release });
    cast.vms.push(made);
    const { variables } = settings.firmware.plain;
    const phases = await shield({ folder: cast.folder, host: made }, { ...parties, message, variables });
    return { value: made, phases, lines: [`vTPM, encrypted disk, security policy, key protector: ${folder}`] };
  });
  await story.step('the attested host starts it: its keys are released and rolled, then QEMU runs', async () => {
    const { phases, generation, traceId } = granted(await vm.machines.start(vm.name));
    return { value: undefined, phases, lines: [`generation ${generation}, trace ${traceId}`] };
  });
  await story.step('the guest boots from its encrypted disk, writes to it, and powers off', async () => {
    const ended = vm.machines.running(vm.name)?.ended;
    const { sockets } = granted(await vm.machines.show(vm.name));
    const text = await serialText(sockets?.['serial'] ?? '', cast.stop);
    await ended;
    await allGone(vm.processes);
    const said = text.split(/[\r\n]+/).flatMap((line) => /Hello from.*|boots, by.*/.exec(line) ?? []);
    if (!said.includes(message)) throw new Error(`the guest says something else: ${text}`);
    return { value: undefined, lines: [...said.map((line) => `serial port: ${line}`), 'swtpm and QEMU have ended'] };
  });
  await story.step('from outside, nothing in its folder shows what the disk holds', async () => {
    const files = await contents(vm.folder);
    const showing = [...files].filter(([, content]) => shows(content, message)).map(([file]) => file);
    if (showing.length > 0) throw new Error(`the message stands in ${showing.join(', ')}`);
    return { value: undefined, lines: [`${files.size} files without the message of its disk`] };
  });
  return vm;
}

/** A host that booted something else tries to start it. */
export async function startRefused({ machines, name, processes }: HostedVm, expected: string) {
  const before = granted(await machines.show(name));
  const outcome = await machines.start(name);
  const running = await processes();
  const told = refused(outcome, expected, ['no swtpm and no QEMU was started; the VM is as it was']);
  if (running.length > 0) throw new Error(`processes run for a VM that was refused: ${running.join(', ')}`);
  const after = granted(await machines.show(name));
  if (after.state !== 'stopped' || after.generation !== before.generation) throw new Error('the VM has changed');
  return told;
}

/** By QEMU's own emulation: the story is played on machines without KVM too. */
const DEFINITION: NewVm = {
  security: 'encryption-supported',
  machine: { accelerator: 'tcg', cpus: 1, memoryMiB: 128 },
  firmware: { secureBoot: false },
  disks: [{ name: 'system', file: 'system.img', mode: 'outer', bootIndex: 0 }],
  devices: { serial: true },
};

/** The image in clear stays with the tenant, and is gone when this is done. */
async function shield(
  { folder, host }: { readonly folder: string; readonly host: HostedVm },
  tenant: {
    readonly owner: GuardianKeys;
    readonly fabric: Guardian;
    readonly message: string;
    /** File of the variables that the firmware starts with. */
    readonly variables: string;
  },
): Promise<Phases> {
  const { owner, fabric, message, variables } = tenant;
  const ofTenant = join(folder, 'machines', 'tenant');
  const source = join(ofTenant, 'system.raw');
  const image = tinyGuestImage({ message, countOnDisk: true, mode: 'shutdown' });
  if (!shows(image, message)) throw new Error('the image in clear does not show its message either');
  await mkdir(ofTenant, { recursive: true, mode: 0o700 });
  await writeFile(source, image, { mode: 0o600 });
  const marks: { readonly phase: string; readonly at: number }[] = [];
  const progress = (phase: string) => void marks.push({ phase, at: performance.now() });
  const shielded = await shieldVm({
    folder: host.folder,
    owner,
    guardians: [fabric],
    sources: new Map([['system', source]]),
    nvram: Uint8Array.from(await readFile(variables)),
    bootPolicies: [],
    claimant: { machine: 'tenant', boot: 'tenant', host: 'tenant' },
    at: new Date(),
    progress,
  });
  progress('end');
  await rm(ofTenant, { recursive: true });
  granted(shielded);
  return marks.slice(0, -1).map(({ phase, at }, index) => ({
    phase,
    millis: Math.round(((marks[index + 1]?.at ?? at) - at) * 10) / 10,
  }));
}

async function contents(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [file, await readFile(file)] as const)));
}

/** UEFI texts are UTF-16. */
function shows(content: Uint8Array, message: string): boolean {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return (['latin1', 'utf16le'] as const).some((encoding) => bytes.includes(message, 0, encoding));
}
