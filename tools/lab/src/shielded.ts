import { join } from 'node:path';
import { build, FIRMWARE, type Lab } from './build.ts';

/** Boots of a guest that opens its own disks: `apps/guarded-host/guest` in an initramfs, Secure Boot on as in `uki-snakeoil`. */
export const SHIELDED_BOOTS = ['guest-snakeoil', 'guest-snakeoil-cmdline-changed'] as const;
export type ShieldedBoot = (typeof SHIELDED_BOOTS)[number];

/** What stands in clear in the template: in its file /marker.txt, and 20 MB of it in /many.txt. */
export const MARKER = 'sekimori-marker-7f3a';

export interface ShieldedLab extends Lab {
  /** A raw data disk, ext4, 32 MB. */
  readonly template: string;
  /** The firmware's code and, for each machine to copy, its variables. */
  readonly firmware: { readonly code: string; readonly variables: string };
  /** A raw disk with an EFI system partition. */
  image(boot: ShieldedBoot): string;
}

/**
 * Builds these boots and the template, or finds them built. Once it has opened its disks, the guest says on its port
 * `note markers NAME MARKER … policy HEX`, the policy digest being that of its PCRs then, and powers off. Where a disk stays closed,
 * and after a trial, it powers off at once.
 */
export async function buildShieldedLab(boots: readonly ShieldedBoot[] = SHIELDED_BOOTS): Promise<ShieldedLab> {
  const folder = await build([...boots, 'template']);
  const { code, variables } = FIRMWARE.snakeoil;
  return {
    folder,
    template: join(folder, 'guest-template.img'),
    firmware: { code: join('/usr/share/OVMF', code), variables: join('/usr/share/OVMF', variables) },
    image: (boot) => join(folder, 'disks', `${boot}.img`),
  };
}
