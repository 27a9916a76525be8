export type Unit = 'ms' | 'commands' | 'MiB' | 'MiB/s' | 'requests/s' | 'ratio';

export interface VmCase {
  readonly name: string;
  readonly unit: Unit;
}

const PHASES = ['check', 'lock', 'release', 'seal', 'vtpm', 'qemu'];
const all = (unit: Unit, names: readonly string[]): readonly VmCase[] => names.map((name) => ({ name, unit }));
const starts = (mode: string): readonly VmCase[] =>
  all('ms', [`vm start, ${mode}`, ...PHASES.map((phase) => `${mode}: ${phase}`), `${mode}, beyond bare QEMU`]);

export const START_CASES = [
  ...all('ms', ['bare QEMU']),
  ...starts('local mode'),
  ...starts('services'),
  ...all('ms', ['TPM time per roll']),
  ...all('commands', ['TPM commands per roll']),
  ...all('ms', ['services, beyond bare QEMU and TPM']),
];

/** They need root. */
export const SHIELDED_START_CASES = [
  ...all('ms', ['bare QEMU, Secure Boot', 'bare QEMU, Secure Boot, memory locked']),
  ...starts('shielded'),
];

/** What qemu-img bench does: `step` in blocks, and a scattered one meets each block once before any comes again. */
export const WORKLOADS = [
  { name: 'sequential read 64 KiB', write: false, blockBytes: 64 * 1024, scattered: false, unit: 'MiB/s' },
  { name: 'sequential write 64 KiB', write: true, blockBytes: 64 * 1024, scattered: false, unit: 'MiB/s' },
  { name: 'random write 4 KiB', write: true, blockBytes: 4096, scattered: true, unit: 'requests/s' },
] as const;
export type Workload = (typeof WORKLOADS)[number];

/** QEMU's names. */
export type Cache = 'writeback' | 'none';

const diskCases = (cache: Cache): readonly VmCase[] =>
  WORKLOADS.flatMap(({ name, unit }) => [
    ...all(
      unit,
      ['raw file', 'raw', 'LUKS'].map((image) => `${name}, ${cache}: ${image}`),
    ),
    ...all('ratio', [`${name}, ${cache}: LUKS to raw`]),
  ]);

export const CACHED_DISK_CASES = diskCases('writeback');
/** They need a file system with O_DIRECT. */
export const DIRECT_DISK_CASES = diskCases('none');

export const AGENT_CASES = [
  ...all('ms', ['sekimori-host vm start, the command']),
  ...all('MiB', ['agent without VMs', 'agent, share of one VM', 'swtpm of one VM', 'QEMU of one VM']),
  ...all('ratio', ['swtpm and agent share to QEMU']),
];

/** In the order in which they are told; docs/performance.md names each. */
export const VM_CASES = [
  ...START_CASES,
  ...SHIELDED_START_CASES,
  ...CACHED_DISK_CASES,
  ...DIRECT_DISK_CASES,
  ...AGENT_CASES,
];
