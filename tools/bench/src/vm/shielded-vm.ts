import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Claimant, createVm, shieldVm, type VmSettings } from '@sekimori/guarded-host';
import type { Guardian, GuardianKeys } from '@sekimori/key-protector';
import { tinyGuestImage } from '@sekimori/lab';
import { expectOk } from '@sekimori/result';

export const MEMORY_MIB = 128;
/** The guest writes it once it waits for the power button. */
export const SETTLED = 'stays until the power button is pressed';
export const BENCH_HOST: Claimant = { machine: 'bench', boot: 'bench', host: 'bench' };

/** What the definitions ask of a host. */
export const ALLOW: VmSettings['allow'] = { accelerators: ['tcg'], devices: [], taps: [], userNetwork: false };

/** A guest that does nothing once it has booted. */
export const guestImage = (): Uint8Array => tinyGuestImage({ message: 'bench', mode: 'stay' });

/** A VM with one outer disk, in the first folder of the settings. A shielded one has Secure Boot and no serial port. */
export async function aShieldedVm(
  settings: VmSettings,
  name: string,
  parties: {
    readonly owner: GuardianKeys;
    readonly guardians: readonly Guardian[];
    readonly security?: 'shielded' | 'encryption-supported';
  },
): Promise<void> {
  const { owner, guardians, security = 'encryption-supported' } = parties;
  const [storage = ''] = settings.folders;
  const isShielded = security === 'shielded';
  const { folder } = expectOk(
    await createVm(storage, name, {
      security,
      machine: { accelerator: 'tcg', cpus: 1, memoryMiB: MEMORY_MIB },
      firmware: { secureBoot: isShielded },
      disks: [{ name: 'system', file: 'system.img', mode: 'outer', bootIndex: 0 }],
      devices: { serial: !isShielded },
    }),
  );
  const source = join(storage, `${name}.raw`);
  await writeFile(source, guestImage());
  const { variables } = settings.firmware[isShielded ? 'secureBoot' : 'plain'];
  const nvram = Uint8Array.from(await readFile(variables));
  const sources = new Map([['system', source]]);
  const at = new Date();
  expectOk(await shieldVm({ folder, owner, guardians, sources, nvram, bootPolicies: [], claimant: BENCH_HOST, at }));
  await rm(source);
}
