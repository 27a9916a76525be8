import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Secret } from '@sekimori/crypto-core';
import type { ShieldedBoot, ShieldedLab } from '@sekimori/lab';
import { expectOk, type Result } from '@sekimori/result';
import {
  type GuestMessage,
  type GuestOutcome,
  type GuestPortFault,
  type GuestTalk,
  talkToGuest,
} from '../../src/guest-disk/index.ts';
import { startVirtualTpm } from '../../src/vtpm/index.ts';

export interface ShieldedBootResult {
  readonly outcome: Result<GuestOutcome, GuestPortFault>;
  /** All that the guest told until it powered off. */
  readonly messages: readonly GuestMessage[];
  readonly console: string;
}

/** One boot of a machine in mode guest, from power on to power off: a bare QEMU, emulated, with a vTPM and the guest's port. */
export async function bootShielded(options: {
  readonly lab: ShieldedLab;
  readonly boot: ShieldedBoot;
  readonly vtpm: { readonly stateDir: string; readonly stateKey: Secret };
  readonly disks: readonly string[];
  readonly mode?: GuestTalk['mode'];
  readonly recover?: GuestTalk['recover'];
}): Promise<ShieldedBootResult> {
  const { lab, boot, disks, mode = 'boot', recover } = options;
  const run = await mkdtemp(join(tmpdir(), 'guest-'));
  const at = (name: string) => join(run, name);
  await copyFile(lab.firmware.variables, at('variables.fd'));
  const vtpm = expectOk(await startVirtualTpm({ ...options.vtpm, controlSocket: at('tpm'), logFile: at('tpm.log') }));
  const qemu = spawn('setpriv', ['--pdeathsig', 'TERM', 'qemu-system-x86_64', ...machine(lab, boot, disks, run)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    const ended = once(qemu, 'exit');
    const port = await portOf(at('guest'), () => qemu.exitCode !== null);
    const messages: GuestMessage[] = [];
    const onMessage = (message: GuestMessage) => void messages.push(message);
    const outcome = await talkToGuest(port, { mode, onMessage, ...(recover && { recover }) });
    await ended;
    return { outcome, messages, console: await readFile(at('console.log'), 'latin1') };
  } finally {
    qemu.kill('SIGKILL');
    await vtpm.exited;
    await rm(run, { recursive: true });
  }
}

function machine(lab: ShieldedLab, boot: ShieldedBoot, disks: readonly string[], run: string): string[] {
  const options: readonly (readonly [string, string])[] = [
    ['machine', 'q35,accel=tcg,smm=on'],
    ['cpu', 'max'],
    ['m', '512'],
    ['display', 'none'],
    ['global', 'driver=cfi.pflash01,property=secure,value=on'],
    ['global', 'ICH9-LPC.disable_s3=1'],
    ['drive', `if=pflash,unit=0,format=raw,readonly=on,file=${lab.firmware.code}`],
    ['drive', `if=pflash,unit=1,format=raw,file=${join(run, 'variables.fd')}`],
    ['chardev', `socket,id=tpm,path=${join(run, 'tpm')}`],
    ['tpmdev', 'emulator,id=tpm0,chardev=tpm'],
    ['device', 'tpm-crb,tpmdev=tpm0'],
    ['serial', `file:${join(run, 'console.log')}`],
    ['device', 'virtio-serial-pci'],
    ['chardev', `socket,id=guest,path=${join(run, 'guest')},server=on,wait=off`],
    ['device', 'virtserialport,chardev=guest,name=sekimori.guest'],
    ['drive', `file=${lab.image(boot)},format=raw,if=none,id=boot,snapshot=on`],
    ['device', 'virtio-blk-pci,drive=boot,bootindex=0'],
    ...disks.flatMap((file, n) => [
      ['drive', `file=${file},format=raw,if=none,id=data${n}`] as const,
      ['device', `virtio-blk-pci,drive=data${n}`] as const,
    ]),
  ];
  return ['-nodefaults', '-no-reboot', ...options.flatMap(([name, value]) => [`-${name}`, value])];
}

/** The guest needs seconds to get to its port, and QEMU a moment to make it. */
async function portOf(path: string, ended: () => boolean): Promise<Socket> {
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      socket.destroy();
      if (ended()) throw new Error('QEMU ended at once');
      await sleep(50);
    }
  }
}
