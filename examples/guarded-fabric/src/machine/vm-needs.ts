import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What the chapter with a VM needs: programs, the firmware's files, and the Debian packages that bring them. */
const NEEDS: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  '/usr/share/OVMF/OVMF_CODE_4M.fd': 'ovmf',
  '/usr/share/OVMF/OVMF_VARS_4M.fd': 'ovmf',
  cryptsetup: 'cryptsetup-bin',
  swtpm: 'swtpm',
  swtpm_setup: 'swtpm-tools',
};

/** Why this machine runs no VM, and what to do about it: one line. Undefined where it has all that it takes. */
export function vmHindrance(): string | undefined {
  if (process.platform !== 'linux') return 'a virtual machine needs Linux here';
  const missing = Object.keys(NEEDS).filter((part) => !isThere(part));
  if (missing.length === 0) return undefined;
  const packages = [...new Set(missing.map((part) => NEEDS[part]))].join(' ');
  return `this machine lacks ${missing.join(', ')}. On Debian, as root: apt-get install --no-install-recommends ${packages}`;
}

function isThere(part: string): boolean {
  if (part.startsWith('/')) return isAccessible(part, constants.R_OK);
  // The last two, since cryptsetup lies where a user's PATH does not lead.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => isAccessible(join(folder, part), constants.X_OK));
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
