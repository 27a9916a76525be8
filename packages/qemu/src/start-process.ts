import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { identify, type ProcessIdentity } from './process.ts';
import type { RunFolder } from './run-folder.ts';
import type { Exit } from './running-machine.ts';

/** The first descriptor after standard input, output and error. */
export const FIRST_DESCRIPTOR = 3;

/**
 * Waits for a line, so that whoever starts it can write down which process it is: where we die before, it ends by itself. Then what only
 * the process itself can set, which stays with the program that takes its place.
 */
const shim = (lockMemory: boolean) =>
  [
    'read -r go',
    'echo 0 > /proc/self/coredump_filter',
    'ulimit -c 0',
    // Tried out first, as a failure ends the shell: where we may not, QEMU tells whether the limit is enough.
    ...(lockMemory ? ['{ ! (ulimit -l unlimited) 2> /dev/null || ulimit -l unlimited; }'] : []),
    'umask 077',
    'exec "$@" < /dev/null',
  ].join(' && ');

export interface StartedProcess {
  readonly process: ProcessIdentity;
  readonly exited: Promise<Exit>;
  readonly child: ChildProcess;
}

/**
 * Starts a program that shares nothing with us but the descriptors given, which it finds from FIRST_DESCRIPTOR on: no environment, no
 * core files, a session of its own. It is in the record of the folder before its first instruction. `qemu-failed` where it does not start.
 */
export async function startProcess(
  command: readonly string[],
  options: {
    readonly folder: RunFolder;
    readonly inherited: readonly number[];
    readonly lockMemory: boolean;
    readonly onSpawned: ((process: ProcessIdentity) => Promise<void>) | undefined;
  },
): Promise<Result<StartedProcess, Fault<'qemu-failed'>>> {
  const { folder, inherited, lockMemory, onSpawned } = options;
  const log = await folder.openLog();
  let child: ChildProcess;
  try {
    child = spawn('/bin/sh', ['-c', shim(lockMemory), 'sh', ...command], {
      stdio: ['pipe', 'ignore', log.fd, ...inherited],
      detached: true,
      cwd: '/',
      env: {},
    });
  } finally {
    await log.close();
  }
  const exited = exitOf(child, folder);
  child.stdin?.on('error', () => {}); // it ended already; `exited` tells
  const process = child.pid === undefined ? undefined : await identify(child.pid);
  if (!process) return fail('qemu-failed', `it did not start: ${(await exited).said}`);
  try {
    await folder.writeRecord(process);
    await onSpawned?.(process);
    child.stdin?.end('go\n');
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return ok({ child, process, exited });
}

async function exitOf(child: ChildProcess, folder: RunFolder): Promise<Exit> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return { code: code ?? undefined, signal: signal ?? undefined, said: await folder.lastWords() };
  } catch (error) {
    return { code: undefined, signal: undefined, said: (error as Error).message }; // it could not be started
  }
}

/** Our processes that must not outlive us. One listener, however many run. */
const tied = new Set<ChildProcess>();
let listening = false;

/** Ends it when we end, unless what is returned was called. A SIGKILL of ours goes unnoticed: then it can be adopted. */
export function endWithUs(child: ChildProcess): () => void {
  tied.add(child);
  if (!listening) {
    listening = true;
    process.once('exit', () => {
      for (const each of tied) each.kill();
    });
  }
  return () => tied.delete(child);
}
