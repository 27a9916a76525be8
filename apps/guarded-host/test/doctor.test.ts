import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { fail, ok, type Result } from '@sekimori/result';
import { systemClock } from '@sekimori/service-kit/program';
import { boot, virtualHost } from '@sekimori/testkit';
import { expectOk } from '@sekimori/result';
import { Tpm } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { loadHostConfig } from '../src/config.ts';
import type { Check, DoctorDeps } from '../src/doctor/check.ts';
import { CHECKS } from '../src/doctor/checks.ts';
import { examine } from '../src/doctor/doctor.ts';
import { mountOptions } from '../src/doctor/linux-machine.ts';
import type { HostFault } from '../src/faults.ts';
import type { HostReport } from '../src/status-shape.ts';
import { reopeningTransport } from '../src/tpm-transport.ts';
import { type FakeMachine, fakeMachine } from './support/fake-machine.ts';

const settings = expectOk(await loadHostConfig({ env: {} }));
const virtual = await virtualHost({ crypto, boot: boot('uki-snakeoil') });
const noTpm = new Tpm(
  reopeningTransport('/dev/none', () => Promise.reject(new Error('no such file'))),
  crypto,
);

interface Parts extends Partial<Omit<DoctorDeps, 'machine'>> {
  readonly machine?: FakeMachine;
}

function depsOf({ machine = {}, ...parts }: Parts = {}): DoctorDeps {
  return {
    settings,
    crypto,
    clock: systemClock,
    tpm: virtual.tpm,
    readEventLog: async () => virtual.eventLog,
    services: async () => [],
    report: async () => fail('state-unreadable', 'not in this test'),
    ...parts,
    machine: fakeMachine(machine),
  };
}

async function examined(id: string, parts: Parts = {}) {
  const { checks } = await examine(
    CHECKS.filter((check) => check.id === id),
    depsOf(parts),
  );
  for (const { status, mend } of checks)
    expect(status === 'failed' || status === 'warning' ? mend : 'none').toBeTruthy();
  return checks.length === 1 ? checks[0]! : checks;
}

describe('the examination', () => {
  const quick: Check = { id: 'quick', run: async () => ({ status: 'ok', found: 'x' }) };

  it('tells of a check that does not end, and does not wait for it', async () => {
    const stuck: Check = { id: 'stuck', limitMillis: 20, run: () => new Promise(() => {}) };
    const report = await examine([stuck, quick], depsOf());
    expect(report).toMatchObject({
      healthy: false,
      summary: { ok: 1, failed: 1 },
      checks: [
        { id: 'stuck', status: 'failed' },
        { id: 'quick', status: 'ok' },
      ],
    });
  });

  it('tells what a check throws', async () => {
    const broken: Check = { id: 'broken', run: () => Promise.reject(new Error('a bug')) };
    expect(await examine([broken], depsOf())).toMatchObject({ healthy: false, checks: [{ found: 'a bug' }] });
  });

  it('is healthy with warnings alone', async () => {
    const warns: Check = { id: 'warns', run: async () => [{ status: 'warning', found: 'x', mend: 'y' }] };
    expect(await examine([warns, quick], depsOf())).toMatchObject({ healthy: true });
  });

  it('leaves out in local mode what only a fabric needs', async () => {
    const local = depsOf({ settings: { ...settings, mode: 'local' }, tpm: noTpm });
    const { checks } = await examine(CHECKS, local);
    expect(checks.filter(({ found }) => found === 'not needed in local mode').map(({ id }) => id)).toEqual([
      'tpm',
      'tpm-pcr-bank',
      'tpm-endorsement',
      'tpm-lockout',
      'event-log',
      'ima',
      'secure-boot',
      'kernel-lockdown',
      'service-name',
      'service-tls',
      'clock',
      'enrolment',
      'attestation',
    ]);
  });

  it('has one stable name for each check', () => {
    const ids = CHECKS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });
});

describe('checks of the TPM and of what it measured', () => {
  it('find nothing wrong with a machine whose boot was measured', async () => {
    for (const id of ['tpm', 'tpm-pcr-bank', 'tpm-endorsement', 'event-log'])
      expect(await examined(id), id).toMatchObject({ status: 'ok' });
  });

  it('tell that there is no TPM, once', async () => {
    expect(await examined('tpm', { tpm: noTpm })).toMatchObject({ status: 'failed' });
    for (const id of ['tpm-pcr-bank', 'tpm-endorsement', 'tpm-lockout', 'event-log'])
      expect(await examined(id, { tpm: noTpm }), id).toMatchObject({ status: 'skipped' });
  });

  it('tell that firmware measured nothing', async () => {
    const bare = await virtualHost({ crypto, boot: boot('uki-snakeoil') });
    bare.software.reset(0);
    expect(await examined('tpm-pcr-bank', { tpm: bare.tpm })).toMatchObject({ status: 'failed' });
    expect(await examined('event-log', { tpm: bare.tpm })).toMatchObject({ status: 'failed' });
  });

  it('tell that the log is of another boot, or damaged', async () => {
    const other = { readEventLog: async () => boot('uki-snakeoil-cmdline-changed') };
    expect(await examined('event-log', other)).toMatchObject({
      status: 'failed',
      found: expect.stringContaining('log-pcr-mismatch') as string,
    });
    const cut = { readEventLog: async () => virtual.eventLog.subarray(0, 500) };
    expect(await examined('event-log', cut)).toMatchObject({
      found: expect.stringContaining('log-malformed') as string,
    });
  });

  const unreadable = (code: string) => ({
    readEventLog: () => Promise.reject(Object.assign(new Error(code), { code })),
  });
  it.each([
    ['it is for root alone', 'EACCES', {}, 'run this as root'],
    ['the machine was not booted by UEFI', 'ENOENT', {}, 'boot by UEFI'],
    ['securityfs is not mounted', 'ENOENT', { '/sys/firmware/efi/fw_vendor': '' }, 'mount -t securityfs'],
    [
      'GRUB handed no log over',
      'ENOENT',
      { '/sys/firmware/efi/fw_vendor': '', '/sys/kernel/security/lockdown': '' },
      'GRUB 2.06',
    ],
  ])('say why there is no log: %s', async (_, code, files, mend) => {
    expect(await examined('event-log', { ...unreadable(code), machine: { files } })).toMatchObject({
      status: 'failed',
      mend: expect.stringContaining(mend) as string,
    });
  });

  const count = '/sys/kernel/security/ima/runtime_measurements_count';
  const variable = (name: string, value: number) => ({
    [`/sys/firmware/efi/efivars/${name}-8be4df61-93ca-11d2-aa0d-00e098032b8c`]: Uint8Array.of(6, 0, 0, 0, value),
  });
  it.each([
    ['ima', 'a list that grows', { [count]: '1234\n' }, 'ok'],
    ['ima', 'a list of boot_aggregate alone', { [count]: '1\n' }, 'warning'],
    ['ima', 'a kernel without it', {}, 'warning'],
    ['secure-boot', 'on', variable('SecureBoot', 1), 'ok'],
    ['secure-boot', 'off', { ...variable('SecureBoot', 0), ...variable('SetupMode', 1) }, 'warning'],
    ['secure-boot', 'no variables', {}, 'skipped'],
    ['kernel-lockdown', 'a mode', { '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' }, 'ok'],
    ['kernel-lockdown', 'a kernel without it', {}, 'skipped'],
  ])('%s: %s', async (id, _, files, status) => {
    expect(await examined(id, { machine: { files } })).toMatchObject({ status });
  });
});

describe('checks of programs', () => {
  const capabilities = (...features: readonly string[]) => ({ stdout: JSON.stringify({ features, version: '0.7.1' }) });
  const swtpm = {
    swtpm: capabilities('tpm-2.0', 'cmdarg-key-fd', 'cmdarg-seccomp'),
    swtpm_setup: capabilities('tpm-2.0', 'cmdarg-keyfile-fd'),
  };
  const qemu = {
    'qemu-system-x86_64 --version': { stdout: 'QEMU emulator version 7.2.22 (Debian)' },
    'qemu-system-x86_64 -tpmdev help': { stderr: '    emulator   TPM emulator' },
    'qemu-system-x86_64 -device help': { stdout: 'name "tpm-crb", bus' },
    'qemu-system-x86_64 -object help': { stdout: '  secret\n' },
    'qemu-system-x86_64 -help': { stdout: '-sandbox on[,obsolete=…' },
    'qemu-img': { stdout: 'Supported formats: luks raw' },
  };

  it.each([
    ['swtpm', 'all there', swtpm, 'ok', '0.7.1'],
    ['swtpm', 'none', {}, 'failed', 'swtpm is not installed'],
    ['swtpm', 'no swtpm_setup', { swtpm: swtpm.swtpm }, 'failed', 'swtpm_setup is not installed'],
    [
      'swtpm',
      'no encryption',
      { ...swtpm, swtpm: capabilities('tpm-2.0', 'cmdarg-seccomp') },
      'failed',
      'cmdarg-key-fd',
    ],
    ['swtpm', 'no JSON', { ...swtpm, swtpm: { stdout: 'usage' } }, 'failed', 'cannot tpm-2.0'],
    ['qemu', 'all there', qemu, 'ok', 'QEMU 7.2.22'],
    ['qemu', 'none', {}, 'failed', 'qemu-system-x86_64 is not installed'],
    ['qemu', 'no LUKS', { ...qemu, 'qemu-img': { stdout: 'raw' } }, 'failed', 'without LUKS'],
    ['qemu', 'no TPM', { ...qemu, 'qemu-system-x86_64 -tpmdev help': {} }, 'failed', 'TPM emulators'],
    [
      'qemu',
      'an old one',
      { ...qemu, 'qemu-system-x86_64 --version': { stdout: 'version 6.1.0' } },
      'warning',
      '6.1.0',
    ],
    ['cryptsetup', 'none', {}, 'failed', 'not installed'],
    ['cryptsetup', 'one', { cryptsetup: { stdout: 'cryptsetup 2.6.1\n' } }, 'ok', '2.6.1'],
    ['flock', 'none', {}, 'failed', 'not installed'],
  ])('%s: %s', async (id, _, programs, status, found) => {
    expect(await examined(id, { machine: { programs } })).toMatchObject({
      status,
      found: expect.stringContaining(found) as string,
    });
  });

  const states = { '/dev/kvm': { kind: 'device' }, '/usr/share/OVMF/OVMF_CODE_4M.fd': {} } as const;
  it.each([
    ['is not there', {}, {}, 'warning', 'no /dev/kvm'],
    ['runs a firmware', states, { stdout: 'BdsDxe: failed to load', status: undefined }, 'ok', 'a firmware runs'],
    ['makes a machine that dies', states, { stderr: 'KVM internal error. Suberror: 1' }, 'warning', 'Suberror: 1'],
    ['makes a machine that says nothing', states, { status: undefined }, 'warning', 'does not come up'],
    ['is there without firmware to try', { '/dev/kvm': {} }, {}, 'skipped', 'not tried'],
  ])('kvm %s', async (_, fileStates, said, status, found) => {
    const machine = { states: fileStates, programs: { 'qemu-system-x86_64': said } };
    expect(await examined('kvm', { machine })).toMatchObject({
      status,
      found: expect.stringContaining(found) as string,
    });
  });

  it('name another firmware that the distribution has', async () => {
    const descriptor = JSON.stringify({
      mapping: { executable: { filename: '/x/CODE.fd' }, 'nvram-template': { filename: '/x/VARS.fd' } },
      targets: [{ architecture: 'x86_64' }],
      features: ['secure-boot', 'enrolled-keys'],
    });
    const files = { '/usr/share/qemu/firmware/40.json': descriptor };
    expect(await examined('guest-firmware', { machine: { files } })).toMatchObject([
      { subject: 'secureBoot', status: 'failed', mend: expect.stringContaining('/x/CODE.fd and /x/VARS.fd') as string },
      { subject: 'plain', status: 'failed' },
    ]);
  });
});

describe('checks of memory and storage', () => {
  const swaps = (...names: readonly string[]) =>
    `Filename Type Size Used Priority\n${names.map((name) => `${name} partition 1 0 -2\n`).join('')}`;
  it.each([
    ['none', { '/proc/swaps': swaps() }, 'ok'],
    ['a bare partition', { '/proc/swaps': swaps('/dev/sda2') }, 'warning'],
    ['compressed memory', { '/proc/swaps': swaps('/dev/zram0') }, 'ok'],
    ['encrypted', { '/proc/swaps': swaps('/dev/dm-1'), '/sys/class/block/dm-1/dm/uuid': 'CRYPT-PLAIN-swap' }, 'ok'],
    ['on a bare volume', { '/proc/swaps': swaps('/dev/dm-1'), '/sys/class/block/dm-1/dm/uuid': 'LVM-x' }, 'warning'],
    [
      'not for the agent',
      { '/proc/swaps': swaps('/swap'), '/sys/fs/cgroup/system.slice/sekimori-host.service/memory.swap.max': '0\n' },
      'ok',
    ],
    [
      'not for this group',
      { '/proc/swaps': swaps('/swap'), '/proc/self/cgroup': '0::/a\n', '/sys/fs/cgroup/a/memory.swap.max': '0\n' },
      'ok',
    ],
    [
      'limited for this group',
      { '/proc/swaps': swaps('/swap'), '/proc/self/cgroup': '0::/a\n', '/sys/fs/cgroup/a/memory.swap.max': 'max\n' },
      'warning',
    ],
  ])('swap: %s', async (_, files, status) => {
    expect(await examined('swap', { machine: { files } })).toMatchObject({ status });
  });

  const pattern = '/proc/sys/kernel/core_pattern';
  const limits = (limit: string) => ({ '/proc/self/limits': `Max locked memory         ${limit}   8388608   bytes\n` });
  it.each([
    ['core-dumps', 'a file', { [pattern]: 'core\n' }, 'ok'],
    ['core-dumps', 'a program, and a filter', { [pattern]: '|/x %P\n', '/proc/self/coredump_filter': '33\n' }, 'ok'],
    ['core-dumps', 'a program, and no filter', { [pattern]: '|/x %P\n' }, 'warning'],
    ['core-dumps', 'every process', { [pattern]: 'core\n', '/proc/sys/fs/suid_dumpable': '1\n' }, 'warning'],
    ['memory-lock', 'by capability', { '/proc/self/status': 'CapEff:\t0000000000004000\n' }, 'ok'],
    [
      'memory-lock',
      'without it',
      { '/proc/self/status': 'CapEff:\t0000000000000000\n', ...limits('8388608') },
      'warning',
    ],
    ['memory-lock', 'without limit', limits('unlimited'), 'ok'],
  ])('%s: %s', async (id, _, files, status) => {
    expect(await examined(id, { machine: { files } })).toMatchObject({ status });
  });

  const [state, vms] = ['/var/lib/sekimori-host', '/var/lib/sekimori-vms'];
  it('free-space tells of each place', async () => {
    const machine = { fileSystems: { [state]: { free: 1024 }, [vms]: { free: 100 * 1024 * 1024 } } };
    expect(await examined('free-space', { machine })).toMatchObject([
      { subject: state, status: 'failed' },
      { subject: vms, status: 'warning' },
    ]);
    const inodes = { fileSystems: { [state]: { freeInodes: 3 } } };
    expect(await examined('free-space', { machine: inodes })).toMatchObject([{ status: 'failed' }, { status: 'ok' }]);
  });

  it.each([
    ['in memory', 0x01021994, 'ok'],
    ['on a disk', 0xef53, 'warning'],
  ])('run-folder %s', async (_, magic, status) => {
    const machine = { fileSystems: { '/run/sekimori-vms': { magic } } };
    expect(await examined('run-folder', { machine })).toMatchObject({ status });
  });

  it.each([
    [68, ['ok']],
    [69, ['ok', 'warning']],
  ])('run-folder with a path of %i bytes, to which those of sockets add 39', async (bytes, statuses) => {
    const runFolder = '/run/'.padEnd(bytes, 'x');
    const machine = { fileSystems: { [runFolder]: { magic: 0x01021994 } } };
    const found = await examined('run-folder', {
      settings: { ...settings, vms: { ...settings.vms, runFolder } },
      machine,
    });
    expect([found].flat().map(({ status }) => status)).toEqual(statuses);
  });

  it.each([
    ['ext4', { magic: 0xef53 }, 'ok'],
    ['NFS', { magic: 0x6969, options: ['rw', 'vers=4.2', 'local_lock=none'] }, 'ok'],
    ['NFS without locks', { magic: 0x6969, options: ['rw', 'nolock'] }, 'failed'],
    ['NFS with locks of this host alone', { magic: 0x6969, options: ['local_lock=all'] }, 'failed'],
    ['CIFS', { magic: 0xff534d42 }, 'failed'],
    ['FAT', { magic: 0x4d44 }, 'failed'],
    ['tmpfs', { magic: 0x01021994 }, 'failed'],
    ['FUSE', { magic: 0x65735546 }, 'warning'],
    ['one that nobody knows', { magic: 0x1234 }, 'warning'],
    ['ext4 without barriers', { magic: 0xef53, options: ['nobarrier'] }, 'warning'],
    ['a folder that is not there yet', { folder: '/var/lib' }, 'ok'],
  ])('vm-storage on %s', async (_, fileSystem, status) => {
    const machine = { fileSystems: { [vms]: fileSystem }, programs: { flock: {} } };
    expect(await examined('vm-storage', { machine })).toMatchObject({ status });
  });

  it('vm-storage tries the lock', async () => {
    const programs = { flock: { status: 65, stderr: 'No locks available' } };
    expect(await examined('vm-storage', { machine: { programs } })).toMatchObject({
      status: 'failed',
      found: expect.stringContaining('No locks available') as string,
    });
  });

  it('reads the options of the mount that a folder is on', () => {
    const mountinfo = [
      '20 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro',
      String.raw`30 20 0:5 / /mnt/a\040b rw,nosuid - nfs4 server:/x rw,local_lock=none`,
    ].join('\n');
    expect(mountOptions(mountinfo, '/mnt/a b/vms')).toEqual(['rw', 'nosuid', 'rw', 'local_lock=none']);
    expect(mountOptions(mountinfo, '/mnt/abc')).toEqual(['rw', 'relatime', 'rw', 'errors=remount-ro']);
  });
});

describe('checks of the state', () => {
  const folder = '/var/lib/sekimori-host';
  it.each([
    ['not there yet', {}, 'ok'],
    ['private', { [folder]: { kind: 'folder', mode: 0o700 }, [`${folder}/host.json`]: {} }, 'ok'],
    ['open to others', { [folder]: { kind: 'folder', mode: 0o750 } }, 'failed'],
    ['of somebody else', { [folder]: { kind: 'folder', mode: 0o700, uid: 4711 } }, 'failed'],
    ['a file', { [folder]: { kind: 'file' } }, 'failed'],
    [
      'with an open file',
      { [folder]: { kind: 'folder', mode: 0o700 }, [`${folder}/tls-client.key`]: { mode: 0o644 } },
      'failed',
    ],
  ] as const)('state-folder: %s', async (_, states, status) => {
    expect(await examined('state-folder', { machine: { states } })).toMatchObject({ status });
  });

  type State = NonNullable<HostReport['enrolment']>['state'];
  const enrolled = { ...settings, attestation: [{ name: 'default', urls: ['https://x'], ca: 'x' }] };
  const reported =
    (state: State | undefined, more: Partial<HostReport> = {}) =>
    async (): Promise<Result<HostReport, HostFault>> =>
      ok({
        mode: 'HostGuardianService',
        isHostGuarded: false,
        attestationOperationMode: 'Tpm',
        attestationStatus: 'Passed',
        attestationSubStatus: [],
        ...(state && { enrolment: { hostId: 'i', name: 'n', ekFingerprint: 'f', state } }),
        isFallbackInUse: false,
        services: [],
        remarks: [],
        ...more,
      });

  it.each([
    [undefined, 'warning'],
    ['pending', 'warning'],
    ['approved', 'warning'],
    ['active', 'ok'],
    ['revoked', 'failed'],
    ['unknown', 'skipped'],
  ] as const)('enrolment: %s', async (state, status) => {
    expect(await examined('enrolment', { settings: enrolled, report: reported(state) })).toMatchObject({ status });
  });

  it.each([
    ['Passed', 'ok'],
    ['Unknown', 'skipped'],
    ['Expired', 'warning'],
    ['InsecureHostConfiguration', 'failed'],
    ['UnauthorizedHost', 'failed'],
  ] as const)('attestation: %s', async (attestationStatus, status) => {
    const report = reported('active', { attestationStatus });
    expect(await examined('attestation', { settings: enrolled, report })).toMatchObject({ status });
  });

  it('tell why the state cannot be read, and nothing where no service is configured', async () => {
    expect(await examined('enrolment', { settings: enrolled })).toMatchObject({
      status: 'failed',
      found: expect.stringContaining('state-unreadable') as string,
    });
    expect(await examined('enrolment', { report: reported(undefined) })).toMatchObject({ status: 'skipped' });
  });
});
