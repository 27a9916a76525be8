import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { manufactureSwtpm } from '@sekimori/tpm2-device/swtpm';
import { type BootName, FIRMWARE, type Keys, type Lab } from './build.ts';
import { type Running, start, until } from './processes.ts';
import { relayTpm } from './relay.ts';

/** A machine that booted under a measuring firmware, and still runs. */
export interface MeasuredGuest {
  /** The firmware's event log as the guest's kernel gives it: TCG, crypto-agile. */
  readonly eventLog: Uint8Array;
  /**
   * A UNIX socket that takes raw TPM commands for the very TPM that measured this boot, through the guest kernel's resource
   * manager: for each client at most three transient objects and three sessions at a time. Up to 16 clients at once.
   */
  readonly tpmSocket: string;
  /** A folder: binary_bios_measurements, ima_binary, cmdline, pcrs_sha256.txt (as tpm2_pcrread prints it). */
  readonly evidence: string;
  /** PEM files: the authority that issued the TPM's EK certificates, and the root above it. */
  readonly endorsementAuthority: { readonly issuer: string; readonly root: string };
  /** Powers the guest off, so that its TPM is shut down in order; ends QEMU where the guest does not answer. */
  stop(): Promise<void>;
}

/**
 * Boots a machine and waits until it serves: about 12 s, all of it emulated. `stateDir` is the machine's own: it keeps its
 * TPM, so that the same folder is the same machine again, whatever it boots. Rejects when the machine does not come up.
 */
export async function startMeasuredGuest(options: {
  readonly lab: Lab;
  readonly boot: BootName;
  readonly stateDir: string;
  /** How long the boot may take; a busy machine can need several times the usual. */
  readonly limitMillis?: number;
}): Promise<MeasuredGuest> {
  const { lab, boot } = options;
  const stateDir = resolve(options.stateDir);
  const run = join(stateDir, 'run');
  const tpm = join(stateDir, 'tpm');
  const evidence = join(stateDir, 'evidence');
  const tpmSocket = join(run, 'tpm.sock');
  // the longest name below must fit into the 108 bytes of sun_path; QEMU would say so only in its own words
  if (Buffer.byteLength(run) > 85) throw new Error(`too long for a UNIX socket, choose a shorter folder: ${run}`);

  await rm(run, { recursive: true, force: true });
  await rm(evidence, { recursive: true, force: true });
  for (const folder of [run, evidence]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const caDir = join(lab.folder, 'ca');
  if (!(await exists(join(tpm, 'tpm2-00.permall')))) await manufactureSwtpm({ stateDir: tpm, caDir });
  const firmware = FIRMWARE[boot.split('-')[1] as Keys];
  // fresh variables each time: the firmware writes its boot order to them, and PCR 1 would change
  await copyFile(join('/usr/share/OVMF', firmware.variables), join(run, 'variables.fd'));

  const swtpm = start('swtpm', ['socket', '--tpm2', ...swtpmArguments(tpm, run)], join(run, 'swtpm.err'));
  let qemu: Running | undefined;
  try {
    await until(() => exists(join(run, 'swtpm.sock')), 10_000, swtpm.ended);
    const disk = join(lab.folder, 'disks', `${boot}.img`);
    qemu = start('qemu-system-x86_64', machineArguments(boot, firmware, disk, run), join(run, 'qemu.err'));
    await until(() => isServing(join(run, 'console.log')), options.limitMillis ?? 240_000, qemu.ended);
    await promisify(execFile)('tar', ['-xmf', join(run, 'evidence.tar'), '-C', evidence]);
    const eventLog = await readFile(join(evidence, 'binary_bios_measurements'));
    const relay = await relayTpm(tpmSocket, join(run, 'tpm-port.sock'));
    return {
      eventLog: Uint8Array.from(eventLog),
      tpmSocket,
      evidence,
      endorsementAuthority: {
        issuer: join(caDir, 'issuercert.pem'),
        root: join(caDir, 'swtpm-localca-rootca-cert.pem'),
      },
      stop: async () => {
        relay.close();
        await powerOff(join(run, 'shell-port.sock'), qemu);
        await qemu?.end();
        await swtpm.end();
      },
    };
  } catch (error) {
    await qemu?.end();
    await swtpm.end();
    const said = await Promise.all(['swtpm.err', 'qemu.err', 'console.log'].map((name) => tail(join(run, name))));
    throw new Error(`${boot} did not come up: ${said.join('').trim()}`, { cause: error });
  }
}

const swtpmArguments = (tpm: string, run: string) => [
  '--tpmstate',
  `dir=${tpm}`,
  '--ctrl',
  `type=unixio,path=${join(run, 'swtpm.sock')}`,
  '--log',
  `file=${join(run, 'swtpm.log')},level=1`,
];

/**
 * What is measured depends on processors and memory (PCR 0) and on the order of the devices (PCR 1), so all of it is fixed
 * here. Always emulated, as README says.
 */
function machineArguments(boot: string, firmware: (typeof FIRMWARE)[Keys], disk: string, run: string): string[] {
  const socket = (name: string) => [
    'chardev',
    `socket,id=${name},path=${join(run, `${name}-port.sock`)},server=on,wait=off`,
  ];
  const port = (name: string) => ['device', `virtserialport,chardev=${name},name=sekimori.${name}`];
  const secureBoot = [
    ['global', 'driver=cfi.pflash01,property=secure,value=on'],
    ['global', 'ICH9-LPC.disable_s3=1'],
  ];
  const options = [
    ['name', boot],
    ['machine', firmware.secureBoot ? 'q35,accel=tcg,smm=on' : 'q35,accel=tcg'],
    ['cpu', 'max'],
    ['smp', '1'],
    ['m', '512'],
    ['display', 'none'],
    ...(firmware.secureBoot ? secureBoot : []),
    ['drive', `if=pflash,unit=0,format=raw,readonly=on,file=${join('/usr/share/OVMF', firmware.code)}`],
    ['drive', `if=pflash,unit=1,format=raw,file=${join(run, 'variables.fd')}`],
    ['chardev', `socket,id=swtpm,path=${join(run, 'swtpm.sock')}`],
    ['tpmdev', 'emulator,id=tpm0,chardev=swtpm'],
    ['device', 'tpm-crb,tpmdev=tpm0'],
    ['serial', `file:${join(run, 'console.log')}`],
    ['device', 'virtio-serial-pci'],
    ['chardev', `file,id=evidence,path=${join(run, 'evidence.tar')}`],
    port('evidence'),
    socket('tpm'),
    port('tpm'),
    socket('shell'),
    port('shell'),
    ['drive', `file=${disk},format=raw,if=none,id=disk,snapshot=on`],
    ['device', 'virtio-blk-pci,drive=disk,bootindex=0'],
  ];
  return ['-nodefaults', '-no-reboot', ...options.flatMap(([name, value]) => [`-${name}`, `${value}`])];
}

/** True once the guest says so; throws when the firmware or the kernel gave up. */
async function isServing(consoleLog: string): Promise<boolean> {
  const said = await readFile(consoleLog, 'latin1').catch(() => '');
  if (/No bootable option|Kernel panic/.test(said)) throw new Error('the machine cannot boot');
  return said.includes('sekimori-lab: serving');
}

async function powerOff(shellSocket: string, qemu: Running | undefined): Promise<void> {
  const shell = connect(shellSocket, () => shell.write('poweroff -f\n')); // not half-closed: that would be a hang-up
  shell.on('error', () => {});
  await Promise.race([qemu?.ended, new Promise((done) => setTimeout(done, 20_000).unref())]);
  shell.destroy();
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

const tail = async (file: string) => (await readFile(file, 'latin1').catch(() => '')).slice(-1000);
