import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VmSettings } from '@sekimori/guarded-host';
import { Qmp } from '@sekimori/qemu';
import { expectOk } from '@sekimori/result';
import { guestImage, MEMORY_MIB } from './shielded-vm.ts';

export interface BareQemu {
  readonly firmware: VmSettings['firmware']['plain'];
  readonly secureBoot?: boolean;
  readonly lockMemory?: boolean;
}

/**
 * Milliseconds from nothing to a running guest: the machine that a VM of the benchmark has, from raw files by their names, without TPM,
 * encryption, sandbox and user of its own. Started paused, and running when QEMU has answered `cont`.
 */
export async function startBare(folder: string, bare: BareQemu): Promise<number> {
  const [disk, variables, socket] = ['bare.img', 'bare-variables.fd', 'bare.sock'].map((name) => join(folder, name));
  if (!disk || !variables || !socket) throw new Error('three names give three paths');
  await writeFile(disk, guestImage());
  await copyFile(bare.firmware.variables, variables);
  await rm(socket, { force: true });
  const args = qemuArguments(bare, { disk, variables, socket });
  const start = performance.now();
  const child = spawn('qemu-system-x86_64', args, { stdio: 'ignore', env: {} });
  const ended = once(child, 'exit');
  try {
    const qmp = await connected(socket, () => child.exitCode !== null);
    expectOk(await qmp.execute('cont'));
    return performance.now() - start;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

function qemuArguments(
  { firmware, secureBoot = false, lockMemory = false }: BareQemu,
  files: { readonly disk: string; readonly variables: string; readonly socket: string },
): readonly string[] {
  const isOn = (value: boolean) => (value ? 'on' : 'off');
  const settings: readonly (readonly [string, string])[] = [
    ['machine', `q35,smm=${isOn(secureBoot)},usb=off,graphics=off`],
    ['accel', lockMemory ? 'tcg,tb-size=128' : 'tcg'],
    ['cpu', 'max'],
    ['smp', '1'],
    ['m', `${MEMORY_MIB}M`],
    ['overcommit', `mem-lock=${isOn(lockMemory)}`],
    ...(secureBoot ? [['global', 'driver=cfi.pflash01,property=secure,value=on'] as const] : []),
    ['drive', `if=pflash,unit=0,format=raw,readonly=on,file=${firmware.code}`],
    ['drive', `if=pflash,unit=1,format=raw,file=${files.variables}`],
    ['drive', `if=none,id=disk,format=raw,file=${files.disk}`],
    ['device', 'virtio-blk-pci,drive=disk,bootindex=0'],
    ['object', 'rng-builtin,id=random'],
    ['device', 'virtio-rng-pci,rng=random'],
    ['device', 'virtio-serial-pci'],
    ['display', 'none'],
    ['qmp', `unix:${files.socket},server=on,wait=off`],
  ];
  return ['-no-user-config', '-nodefaults', '-S', ...settings.flatMap(([name, value]) => [`-${name}`, value])];
}

async function connected(socket: string, hasEnded: () => boolean): Promise<Qmp> {
  for (;;) {
    const qmp = await Qmp.connect(socket);
    if (qmp.ok) return qmp.value;
    if (hasEnded()) throw new Error('the bare QEMU did not start');
    await sleep(1);
  }
}
