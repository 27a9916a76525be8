import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MILLIS = 50;

/** The users that processes of this machine run as: real, effective, saved and file system. proc(5) */
export async function usersOfProcesses(): Promise<ReadonlySet<number>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const users = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''); // it ended meanwhile
      return (/^Uid:\s+(.*)$/m.exec(status)?.[1] ?? '').split(/\s+/).map(Number);
    }),
  );
  return new Set(users.flat());
}

/**
 * Ends the swtpm of a run folder: it ends with QEMU by itself, unless something keeps it from that, or QEMU never came. Another process that
 * has its number by now is left alone.
 */
export async function endSwtpm(
  pid: number,
  runFolder: string,
  options: { readonly graceMillis: number },
): Promise<void> {
  const until = performance.now() + options.graceMillis;
  while (await isSwtpmOf(pid, runFolder)) {
    if (performance.now() >= until) {
      process.kill(pid, 'SIGKILL');
      return;
    }
    await sleep(POLL_MILLIS);
  }
}

async function isSwtpmOf(pid: number, runFolder: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.includes('swtpm') && command.includes(runFolder);
}
