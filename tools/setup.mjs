// Plain JavaScript for Node 20.19+: brings pnpm, every package, the Node that the scripts run on, and the system packages
// of the command it is run for: setup.mjs [start | test | vm | lab]. Talks on stderr only.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const PNPM = 'pnpm@12.4.2';
/** What each command needs beyond npm: a program on PATH (or a file), and the Debian package that brings it. */
const START = { swtpm: 'swtpm', swtpm_setup: 'swtpm-tools', certtool: 'gnutls-bin' };
const TEST = {
  ...START,
  tpm2_quote: 'tpm2-tools',
  '/usr/lib/x86_64-linux-gnu/libtss2-tcti-swtpm.so.0': 'libtss2-tcti-swtpm0',
  openssl: 'openssl',
  'softhsm2-util': 'softhsm2',
  'pkcs11-tool': 'opensc',
  xmlsec1: 'xmlsec1',
  xmllint: 'libxml2-utils',
  cryptsetup: 'cryptsetup-bin',
  '/bin/busybox': 'busybox-static',
  mke2fs: 'e2fsprogs',
};
/** Not part of START: `npm start` shows a virtual machine where QEMU is installed, and says so where it is not. */
const VM = {
  ...START,
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  cryptsetup: 'cryptsetup-bin',
  '/usr/share/OVMF/OVMF_CODE_4M.fd': 'ovmf',
};
const LAB = {
  ...TEST,
  ...VM,
  losetup: 'mount',
  ip: 'iproute2',
  '/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0': 'libtss2-tcti-device0',
  '/usr/lib/x86_64-linux-gnu/libtss2-tcti-cmd.so.0': 'libtss2-tcti-cmd0',
  cpio: 'cpio',
  zstd: 'zstd',
  mcopy: 'mtools',
  'mkfs.vfat': 'dosfstools',
  sgdisk: 'gdisk',
  objcopy: 'binutils',
  sbsign: 'sbsigntool',
  socat: 'socat',
  gcc: 'gcc',
  chromium: 'chromium',
  '/usr/lib/x86_64-linux-gnu/libc.a': 'libc6-dev',
};
const NEEDS = { start: START, test: TEST, vm: VM, lab: LAB };

installPackages();
installSystemParts(NEEDS[process.argv[2]] ?? {});

function installPackages() {
  const inputs = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json'].map((name) => readFileSync(name));
  const stamp = createHash('sha256')
    .update(Buffer.concat(inputs))
    .update(process.platform + process.arch)
    .digest('hex');
  const stampFile = 'node_modules/.sekimori-setup';
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp && existsSync('node_modules/.bin/vitest'))
    return;
  const install = spawnSync('npx', ['--yes', PNPM, 'install', '--frozen-lockfile'], { stdio: ['ignore', 2, 2] });
  if (install.status !== 0) process.exit(install.status ?? 1);
  mkdirSync('node_modules', { recursive: true });
  writeFileSync(stampFile, stamp);
}

function installSystemParts(needs) {
  const missing = [
    ...new Set(
      Object.entries(needs)
        .filter(([part]) => !isThere(part))
        .map(([, name]) => name),
    ),
  ];
  if (missing.length === 0 || process.platform !== 'linux') return;
  const line = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (process.env.SEKIMORI_NO_APT || process.getuid?.() !== 0 || !isThere('apt-get')) {
    process.stderr.write(`sekimori: not on this machine: ${missing.join(', ')}. On Debian, as root: ${line}\n`);
    return;
  }
  process.stderr.write(`sekimori: installing system packages (SEKIMORI_NO_APT=1 stops this): ${line}\n`);
  const options = { stdio: ['ignore', 'ignore', 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = () => spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], options);
  if (install().status === 0) return;
  spawnSync('apt-get', ['update', '-qq'], options);
  const second = install();
  if (second.status !== 0) {
    process.stderr.write(`sekimori: could not install: ${missing.join(', ')}. Try by hand: ${line}\n`);
    if (process.env.CI) process.exit(1);
  }
}

function isThere(part) {
  if (part.startsWith('/')) return existsSync(part);
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, part), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
