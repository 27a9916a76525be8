import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

/** A process, told from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to its start: field 22 of /proc/PID/stat. */
  readonly startTime: string;
}

/**
 * Undefined where there is no such process, or it has ended and nobody asked how yet. Read at once, as /proc does not wait: the threads
 * that files are read by may all wait for a storage, and then a VM must be ended all the same.
 */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const text = statOf(pid);
  // The second field is the program's name in brackets, and may hold brackets and spaces itself.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields?.[0], fields?.[19]];
  if (state === undefined || startTime === undefined || 'ZX'.includes(state)) return undefined;
  return { pid, startTime };
}

export async function isAlive({ pid, startTime }: ProcessIdentity): Promise<boolean> {
  return (await identify(pid))?.startTime === startTime;
}

/** SIGKILL, unless the number is another's by now. False where there was nothing to end. */
export async function kill(identity: ProcessIdentity): Promise<boolean> {
  if (!(await isAlive(identity))) return false;
  try {
    return process.kill(identity.pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** How a process is kept apart from the others of its machine, as the kernel tells. */
export interface Isolation {
  readonly uid: number;
  readonly gid: number;
  /** Whether others of the same user may read its memory and trace it, and whether it leaves a core file. */
  readonly dumpable: boolean;
  readonly coreLimitZero: boolean;
  /** No kind of memory is in a core, if one was written all the same. */
  readonly coreFilterZero: boolean;
  readonly noNewPrivileges: boolean;
  /** Its system calls are filtered. */
  readonly seccomp: boolean;
  /** Has it any capability, effective or permitted. */
  readonly capabilities: boolean;
}

/** Undefined where the process is gone, or hides itself from us. */
export async function readIsolation(pid: number): Promise<Isolation | undefined> {
  const [status, limits, filter] = await Promise.all(
    ['status', 'limits', 'coredump_filter'].map((file) => readProc(pid, file)),
  );
  // The kernel gives what it holds back from the process' own user to root.
  const owner = await stat(`/proc/${pid}/environ`).catch(() => undefined);
  if (status === undefined || limits === undefined || filter === undefined || !owner) return undefined;
  const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? '';
  const [uid = Number.NaN, gid = Number.NaN] = [field('Uid'), field('Gid')].map((ids) => Number(ids.split('\t')[1]));
  return {
    uid,
    gid,
    dumpable: owner.uid === uid,
    coreLimitZero: /^Max core file size\s+0\s+0\s/m.test(limits),
    coreFilterZero: /^0+$/.test(filter.trim()),
    noNewPrivileges: field('NoNewPrivs') === '1',
    seccomp: field('Seccomp') === '2',
    capabilities: ['CapEff', 'CapPrm'].some((set) => !/^0+$/.test(field(set))),
  };
}

/** What is missing, in words; empty where all is as it should be. `identity` is left out where QEMU runs as our own user. */
export function isolationGaps(
  isolation: Isolation | undefined,
  identity: { readonly uid: number; readonly gid: number } | undefined,
): readonly string[] {
  if (!isolation) return ['it cannot be seen in /proc'];
  const { uid, gid, dumpable, coreLimitZero, coreFilterZero, noNewPrivileges, seccomp, capabilities } = isolation;
  const gaps: [boolean, string][] = [
    [!coreLimitZero, 'it may write a core file'],
    [!coreFilterZero, 'its memory would be in a core file'],
    [!noNewPrivileges, 'it can gain privileges'],
    [!seccomp, 'its system calls are not filtered'],
    [identity !== undefined && (uid !== identity.uid || gid !== identity.gid), `it runs as ${uid}:${gid}`],
    [identity !== undefined && dumpable, 'others of its user can read its memory'],
    [identity !== undefined && capabilities, 'it has capabilities'],
  ];
  return gaps.flatMap(([isGap, words]) => (isGap ? [words] : []));
}

function statOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
}

const readProc = (pid: number, file: string): Promise<string | undefined> =>
  readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => undefined);
