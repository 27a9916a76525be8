import { isAbsolute, resolve } from 'node:path';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import type { VmDefinition } from './definition/schema.ts';
import type { VmSettings } from './settings.ts';

/**
 * Whether this host gives what a definition asks of it. The owner's policy says nothing of it, and the definition lies on storage that
 * others write to. `vm-not-allowed-here`, with all that is not allowed.
 */
export function allowedHere(
  definition: VmDefinition,
  { accelerators, devices, taps, userNetwork }: VmSettings['allow'],
): Result<void, Fault<'vm-not-allowed-here'>> {
  const accelerator = definition.machine.accelerator ?? 'kvm';
  const isGiven = (device: string) =>
    devices.some((given) => (given.endsWith('/') ? device.startsWith(given) : device === given));
  const refused = [
    ...(accelerators.includes(accelerator) ? [] : [`the accelerator ${accelerator}`]),
    ...definition.disks
      .filter(({ file }) => isAbsolute(file) && !isGiven(resolve(file)))
      .map(({ name, file }) => `the device ${file} (disk ${name})`),
    ...(definition.networks ?? []).flatMap(({ type, tap = '' }) => {
      if (type === 'user') return userNetwork ? [] : ["QEMU's user network"];
      return taps.includes(tap) ? [] : [`the tap device ${tap}`];
    }),
  ];
  return refused.length === 0
    ? ok(undefined)
    : fail('vm-not-allowed-here', `the settings vms.allow of this host do not have ${refused.join(', ')}`);
}
