import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';

const GIB = 1024 ** 3;

/** What the figures are of. */
export interface MachineReport {
  readonly at: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  readonly qemu: string;
  readonly swtpm: string;
  /** Of the last minute, before anything was measured: much beyond 0, others use the machine too. */
  readonly load: number;
}

export function machineReport(): MachineReport {
  const [cpu] = cpus();
  return {
    at: new Date().toISOString(),
    cpu: cpu?.model ?? 'unknown',
    cpus: cpus().length,
    memoryGib: Math.round(totalmem() / GIB),
    kernel: release(),
    node: process.version,
    qemu: versionOf('qemu-system-x86_64'),
    swtpm: versionOf('swtpm'),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

function versionOf(program: string): string {
  return /\d+(\.\d+)+/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[0] ?? 'unknown';
}
