import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Running, start, until } from '../src/processes.ts';

export interface Machine extends Running {
  /** What came out of the serial port so far. */
  said(): Promise<string>;
  /** Waits until the serial port has said this. */
  says(text: string): Promise<void>;
  pressPowerButton(): Promise<void>;
}

export interface MachineOptions {
  /** A file of the ovmf package. */
  readonly code?: string;
  readonly serial?: boolean;
  readonly readOnly?: boolean;
}

/** Starts an emulated machine on two files of `folder`, disk.img and variables.fd. */
export function startMachine(folder: string, options: MachineOptions = {}): Machine {
  const { code = 'OVMF_CODE_4M.fd', serial = true, readOnly = false } = options;
  const file = (name: string) => join(folder, name);
  const secureBoot = [
    ['global', 'driver=cfi.pflash01,property=secure,value=on'],
    ['global', 'ICH9-LPC.disable_s3=1'],
  ];
  const pairs = [
    ['machine', `q35,accel=tcg,smm=${code.includes('secboot') ? 'on' : 'off'}`],
    ...(code.includes('secboot') ? secureBoot : []),
    ['m', '128'],
    ['display', 'none'],
    ['drive', `if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/${code}`],
    ['drive', `if=pflash,unit=1,format=raw,file=${file('variables.fd')}`],
    ['drive', `if=none,id=disk,format=raw,file=${file('disk.img')},readonly=${readOnly ? 'on' : 'off'}`],
    ['device', 'virtio-blk-pci,drive=disk,bootindex=0'],
    ['serial', serial ? `file:${file('serial.log')}` : 'none'],
    ['qmp', `unix:${file('qmp.sock')},server=on,wait=off`],
  ];
  const args = ['-nodefaults', '-no-reboot', ...pairs.flatMap(([name, value]) => [`-${name}`, `${value}`])];
  const running = start('qemu-system-x86_64', args, file('qemu.err'));
  const said = () => readFile(file('serial.log'), 'latin1').catch(() => '');
  return {
    ...running,
    said,
    says: (text) => until(async () => (await said()).includes(text), 120_000, running.ended),
    pressPowerButton: async () => {
      const monitor = connect(file('qmp.sock'));
      await once(monitor, 'data'); // the greeting
      monitor.resume().write('{"execute":"qmp_capabilities"}{"execute":"system_powerdown"}');
      await running.ended;
      monitor.destroy();
    },
  };
}
