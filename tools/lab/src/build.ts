import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The firmware: its code, the variables it starts with (which keys are enrolled), and the machine it wants. */
export const FIRMWARE = {
  plain: { code: 'OVMF_CODE_4M.fd', variables: 'OVMF_VARS_4M.fd', secureBoot: false },
  snakeoil: { code: 'OVMF_CODE_4M.secboot.fd', variables: 'OVMF_VARS_4M.snakeoil.fd', secureBoot: true },
  ms: { code: 'OVMF_CODE_4M.secboot.fd', variables: 'OVMF_VARS_4M.ms.fd', secureBoot: true },
} as const;
export type Keys = keyof typeof FIRMWARE;

/**
 * What can be booted: CHAIN-KEYS[-CHANGE]. `scripts/esp.sh` says what each word means. The three `uki-snakeoil` boots
 * share firmware, kernel and, but for the one change, everything else.
 */
export const BOOTS = [
  'uki-snakeoil',
  'uki-snakeoil-cmdline-changed',
  'uki-snakeoil-initrd-changed',
  'uki-plain',
  'uki-plain-cmdline-changed',
  'uki-plain-initrd-changed',
  'shim-ms',
] as const;
export type BootName = (typeof BOOTS)[number];

const BUILD = fileURLToPath(new URL('../scripts/build.sh', import.meta.url));

/** The folder with the built disks and the authority that certifies the lab's TPMs. */
export interface Lab {
  readonly folder: string;
}

/**
 * Builds the disks of these boots, or finds them built: 12 s and 29 MB from Debian's archive the first time, 0.2 s after that.
 * The folder is `$LAB`, by default `sekimori-lab` in the folder for temporary files.
 */
export async function buildLab(boots: readonly BootName[] = BOOTS): Promise<Lab> {
  return { folder: await build(boots) };
}

/** `scripts/build.sh`: what these names stand for is in the folder then. */
export async function build(names: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', [BUILD, ...names]);
  return stdout.trim();
}

/**
 * For `describe.skipIf`: true, with one line on stderr, where this machine cannot boot anything. Never in CI (the variable CI is
 * set): a test skipped there would be a lie. `npm run test:lab` installs what is missing.
 */
export function labIsMissing(kind: keyof typeof ALSO = 'measured'): boolean {
  const missing = process.env['CI'] ? [] : missingParts(ALSO[kind]);
  if (missing.length > 0) console.warn(`skipped: this machine lacks ${missing.join(', ')}`);
  return missing.length > 0;
}

/** What else it takes: for VMs whose disks the host encrypts, and for guests that open theirs themselves. */
const ALSO = {
  measured: [],
  outer: ['qemu-img', 'cryptsetup'],
  shielded: ['qemu-img', 'cryptsetup', 'tpm2', 'mke2fs'],
} as const;

/** The programs and files a measured boot needs and this machine lacks. */
function missingParts(also: readonly string[]): string[] {
  const programs = ['qemu-system-x86_64', 'swtpm', 'swtpm_setup', 'cpio', 'zstd', 'mcopy', 'mkfs.vfat', 'sgdisk'];
  const files = ['/usr/share/OVMF/OVMF_CODE_4M.secboot.fd', '/bin/busybox', '/usr/lib/x86_64-linux-gnu/libc.a'];
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const isThere = (part: string) => {
    try {
      accessSync(part, constants.R_OK);
      return true;
    } catch {
      return false;
    }
  };
  return [
    ...[...programs, ...also, 'objcopy', 'sbsign', 'gcc'].filter(
      (name) => !folders.some((folder) => isThere(join(folder, name))),
    ),
    ...files.filter((file) => !isThere(file)),
  ];
}
