import { ok, type Result } from '@sekimori/result';
import { blockArguments, type BlockPlumbing } from './block-arguments.ts';
import { checkMachine, type MachineFault } from './check-machine.ts';
import type { Machine, Network } from './machine.ts';
import { device, listener, netdev, object, optionValue } from './options.ts';

/** Everything in it may stand in a process list. */
export interface Plumbing extends BlockPlumbing {
  /** QEMU listens here for its one client. */
  readonly qmpSocket: string;
  /** What QEMU becomes once it has opened everything. It must be root until then. */
  readonly identity?: { readonly uid: number; readonly gid: number };
}

/**
 * The arguments of qemu-system-x86_64: paused, in its sandbox, without default devices, user configuration or any monitor but the
 * one. `bad-machine` for a machine that cannot or must not be. Throws where the plumbing lacks what the machine names.
 */
export function machineArguments(machine: Machine, plumbing: Plumbing): Result<readonly string[], MachineFault> {
  const checked = checkMachine(machine);
  if (!checked.ok) return checked;
  return ok([
    ...basicArguments(machine),
    ...sandboxArguments(plumbing),
    ...blockArguments(machine, plumbing),
    ...listener('qmp', plumbing.qmpSocket),
    '-mon',
    'chardev=qmp,mode=control',
    ...tpmArguments(machine),
    ...machine.networks.flatMap(networkArguments),
    ...object({ 'qom-type': 'rng-builtin', id: 'random' }),
    ...device({ driver: 'virtio-rng-pci', rng: 'random' }),
    ...portArguments(machine),
    ...operatorArguments(machine),
  ]);
}

function basicArguments(machine: Machine): string[] {
  const { secureBoot } = machine.firmware;
  const locked = machine.lockMemory ?? false;
  const properties = [
    machine.type ?? 'q35',
    `smm=${secureBoot ? 'on' : 'off'}`,
    'pflash0=code,pflash1=variables',
    'dump-guest-core=off', // keeps the guest's memory out of whatever dumps QEMU's
    'mem-merge=off', // merged pages tell one guest by time what stands in another
    'vmport=off,usb=off,graphics=off',
  ];
  const settings = [
    ['name', `guest=${machine.name}`],
    ['uuid', machine.uuid],
    ['machine', properties.join(',')],
    // Locked, the code buffer of the usual size would be 1 GiB of RAM.
    ['accel', machine.accelerator === 'tcg' && locked ? 'tcg,tb-size=128' : machine.accelerator],
    ['cpu', machine.cpu],
    ['smp', String(machine.cpus)],
    ['m', `${machine.memoryMiB}M`],
    ['overcommit', `mem-lock=${locked ? 'on' : 'off'}`],
    ['boot', 'menu=off,strict=on'],
    ['global', 'ICH9-LPC.disable_s3=1'],
    ['global', 'ICH9-LPC.disable_s4=1'],
    ...(secureBoot ? [['global', 'driver=cfi.pflash01,property=secure,value=on']] : []),
  ];
  return ['-no-user-config', '-nodefaults', '-S', ...settings.flatMap(([name, value]) => [`-${name}`, `${value}`])];
}

/**
 * QEMU 7.2 kills itself when it drops root under elevateprivileges=deny or =children. Nothing is lost without: the sandbox sets
 * no_new_privs and refuses to execute anything, and after the drop no capability is left to change identity with.
 */
function sandboxArguments({ identity }: Plumbing): string[] {
  const settings = 'on,obsolete=deny,spawn=deny,resourcecontrol=deny';
  if (!identity) return ['-sandbox', `${settings},elevateprivileges=deny`];
  return ['-sandbox', settings, '-runas', `${identity.uid}:${identity.gid}`];
}

function tpmArguments({ tpm }: Machine): string[] {
  if (!tpm) return [];
  const chardev = `socket,id=tpm,path=${optionValue(tpm.controlSocket)}`;
  return [
    '-chardev',
    chardev,
    '-tpmdev',
    'emulator,id=tpm0,chardev=tpm',
    ...device({ driver: 'tpm-crb', tpmdev: 'tpm0' }),
  ];
}

function networkArguments(network: Network, index: number): string[] {
  const id = `network-${index}`;
  const backend =
    network.kind === 'user'
      ? { type: 'user', id }
      : { type: 'tap', id, ifname: network.interface, script: 'no', downscript: 'no' };
  // The firmware has a driver of its own; an option ROM would only be more code.
  const properties = { driver: 'virtio-net-pci', netdev: id, romfile: '', ...(network.mac && { mac: network.mac }) };
  return [...netdev(backend), ...device(properties)];
}

function portArguments(machine: Machine): string[] {
  const agent = machine.protection === 'encryption-supported' ? machine.guestAgent : undefined;
  const ports = [...machine.ports, ...(agent ? [{ name: 'org.qemu.guest_agent.0', socket: agent.socket }] : [])];
  if (ports.length === 0) return [];
  return [
    ...device({ driver: 'virtio-serial-pci' }),
    ...ports.flatMap(({ name, socket }, index) => [
      ...listener(`port-${index}`, socket),
      ...device({ driver: 'virtserialport', chardev: `port-${index}`, name }),
    ]),
  ];
}

/** What lets the operator of the host look into the machine. */
function operatorArguments(machine: Machine): string[] {
  if (machine.protection === 'shielded') return ['-display', 'none'];
  const { serial, screen } = machine;
  const display = screen
    ? ['-display', `vnc=unix:${optionValue(screen.socket)}`, ...device({ driver: 'VGA' })]
    : ['-display', 'none'];
  if (!serial) return display;
  const chardev =
    'socket' in serial
      ? listener('serial', serial.socket)
      : ['-chardev', `file,id=serial,path=${optionValue(serial.file)},append=on`];
  return [...display, ...chardev, '-serial', 'chardev:serial'];
}
