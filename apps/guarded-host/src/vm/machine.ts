import { join } from 'node:path';
import type { Machine } from '@sekimori/qemu';
import type { VmDefinition } from './definition/schema.ts';
import { runPaths } from './run-record.ts';

/** The descriptors that a machine names beside its disks'. */
export const CODE = 'firmware-code';
export const VARIABLES = 'firmware-variables';

/** Sockets in a VM's run folder. The guest's port and swtpm's are the agent's; the others are for the fabric. */
export const socketsIn = (runFolder: string) => {
  const { machine, vtpm } = runPaths(runFolder);
  return {
    vtpm: join(vtpm, 'ctrl.sock'),
    guest: join(machine, 'guest.sock'),
    serial: join(machine, 'serial.sock'),
    console: join(machine, 'vnc.sock'),
    guestAgent: join(machine, 'guest-agent.sock'),
  };
};

/** Where the guest's part of `sekimori-guest` reports, and asks for recovery. */
const GUEST_PORT = 'sekimori.guest';

/**
 * What QEMU is to run. A definition that passed `checkDefinition` has nothing in it that its security policy does not allow; a shielded
 * machine could not even express it.
 */
export function machineOf(
  definition: VmDefinition,
  runFolder: string,
  options: { readonly lockMemory: boolean },
): Machine {
  const { name, id, machine, firmware, devices } = definition;
  const sockets = socketsIn(runFolder);
  const accelerator = machine.accelerator ?? 'kvm';
  const parts = {
    name,
    uuid: id,
    accelerator,
    cpu: machine.cpu ?? (accelerator === 'kvm' ? 'host' : 'max'),
    cpus: machine.cpus,
    memoryMiB: machine.memoryMiB,
    lockMemory: options.lockMemory,
    firmware: { code: CODE, variables: VARIABLES, secureBoot: firmware.secureBoot },
    tpm: { controlSocket: sockets.vtpm },
    drives: definition.disks.map((disk) => ({
      id: disk.name,
      descriptor: disk.name,
      // Serial numbers of virtio-blk have 20 bytes.
      serial: disk.name.slice(0, 20),
      ...(disk.mode === 'outer' && { luks: { secret: disk.name } }),
      readOnly: disk.mode === 'boot',
      ...(disk.bootIndex !== undefined && { bootIndex: disk.bootIndex }),
    })),
    networks: (definition.networks ?? []).map(({ type, tap, mac }) => ({
      ...(type === 'tap' ? { kind: 'tap' as const, interface: tap ?? '' } : { kind: 'user' as const }),
      ...(mac !== undefined && { mac }),
    })),
    ports: [{ name: GUEST_PORT, socket: sockets.guest }],
  };
  if (definition.security === 'shielded') return { ...parts, protection: 'shielded' };
  return {
    ...parts,
    protection: 'encryption-supported',
    ...(devices?.serial && { serial: { socket: sockets.serial } }),
    ...(devices?.console && { screen: { socket: sockets.console } }),
    ...(devices?.guestAgent && { guestAgent: { socket: sockets.guestAgent } }),
  };
}
