import { readdirSync, readFileSync } from 'node:fs';

export interface SeenProcess {
  readonly pid: number;
  /** `shell`: it becomes one of the two. */
  readonly kind: 'qemu' | 'swtpm' | 'shell' | 'other';
  readonly command: string;
}

/** Who has the folder in its arguments. What has ended, and nobody asked how yet, has none. */
export function processesOf(folder: string): readonly SeenProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        if (!command.includes(folder)) return [];
        return [{ pid: Number(name), kind: kindOf(readFileSync(`/proc/${name}/comm`, 'utf8').trim()), command }];
      } catch {
        return []; // it ended meanwhile
      }
    });
}

/** By the first 15 characters of the program's name: proc(5). */
function kindOf(program: string): SeenProcess['kind'] {
  if (program.startsWith('qemu-system')) return 'qemu';
  return program === 'swtpm' ? 'swtpm' : program === 'sh' ? 'shell' : 'other';
}

/** False also for what has ended and nobody asked how yet. */
export function isThere(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** Where a test failed half-way. */
export function killAllOf(folder: string): void {
  for (const { pid } of processesOf(folder)) if (isThere(pid)) process.kill(pid, 'SIGKILL');
}
