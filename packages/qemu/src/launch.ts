import { fstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Secret } from '@sekimori/crypto-core';
import { type Failed, fail, type Fault, ok, type Result } from '@sekimori/result';
import { machineArguments } from './arguments.ts';
import { descriptorIds, secretIds, secretObject } from './block-arguments.ts';
import { checkMachine } from './check-machine.ts';
import { luksPassphrase } from './luks-passphrase.ts';
import type { Machine } from './machine.ts';
import { isolationGaps, type ProcessIdentity, readIsolation } from './process.ts';
import { Qmp, type QmpFault } from './qmp.ts';
import { RunFolder } from './run-folder.ts';
import { type Exit, RunningMachine } from './running-machine.ts';
import { secretFifos } from './secret-fifos.ts';
import { endWithUs, FIRST_DESCRIPTOR, type StartedProcess, startProcess } from './start-process.ts';
import { findProgram } from './tools.ts';

const PROGRAM = 'qemu-system-x86_64';
const START_MILLIS = 30_000;
const POLL_MILLIS = 2;

export interface LaunchOptions {
  readonly machine: Machine;
  /** Of this VM alone, 0700 and ours, at most 90 bytes. It gets qmp.sock, qemu.log and qemu.json; best on a tmpfs. */
  readonly runFolder: string;
  /**
   * By the ids of the machine. Close yours after the call, whatever its outcome: the lock on an image ends with the last descriptor of
   * its open file.
   */
  readonly descriptors: ReadonlyMap<string, number>;
  /** Keys of LUKS drives, by the ids of the machine. */
  readonly secrets?: ReadonlyMap<string, Secret>;
  /** QEMU has them as long as it lives, and does nothing with them: a lock by flock(2), for example. */
  readonly held?: readonly number[];
  /** What QEMU becomes: a user and group of this VM alone. Needs root. */
  readonly identity?: { readonly uid: number; readonly gid: number };
  /** A shielded machine may run as our own user, where other programs of this user can read its memory. */
  readonly insecureSameUser?: boolean;
  /** It runs on when this process ends, and another one can adopt it. */
  readonly outlive?: boolean;
  /** The guest does not start before `resume`. */
  readonly paused?: boolean;
  /** Called when the process is there and QEMU has not started: the time to write down what must not be lost. */
  readonly onSpawned?: (process: ProcessIdentity) => Promise<void>;
  readonly transcript?: (line: string) => void;
  readonly startMillis?: number;
}

export type LaunchFault =
  | QmpFault
  | Fault<'bad-machine' | 'run-folder' | 'qemu-identity' | 'qemu-missing' | 'qemu-failed' | 'qemu-start-timeout'>
  | Fault<'qemu-not-isolated' | 'wrong-disk-key' | 'disk-in-use'>;

/**
 * Starts QEMU: secrets by FIFO, files by descriptor, as another user, in its sandbox, without core files. The guest starts when the
 * kernel has confirmed all of that and QEMU has forgotten the secrets. `bad-machine`; `run-folder`; `qemu-identity` where another user
 * needs root, or a shielded machine has none; `qemu-missing`; `wrong-disk-key`; `disk-in-use`; `qemu-failed` with QEMU's words;
 * `qemu-start-timeout`; `qemu-not-isolated`; faults of QMP. After a fault no QEMU is left. Throws where a descriptor or secret that the
 * machine names was not given.
 */
export async function launchQemu(options: LaunchOptions): Promise<Result<RunningMachine, LaunchFault>> {
  const { machine, onSpawned } = options;
  const checked = checkMachine(machine);
  if (!checked.ok) return checked;
  const identity = checkIdentity(options);
  if (!identity.ok) return identity;
  const folder = await RunFolder.open(options.runFolder);
  if (!folder.ok) return folder;
  const program = findProgram(PROGRAM);
  if (program === undefined) return fail('qemu-missing', `${PROGRAM} is not installed`);

  await folder.value.clear();
  const secrets = passphrases(options);
  const fifos = await secretFifos(folder.value.path, secrets);
  try {
    const arranged = arrange(options, folder.value, fifos.files);
    if (!arranged.ok) return arranged;
    const { inherited, command } = arranged.value;
    const lockMemory = machine.lockMemory ?? false;
    const settings = { folder: folder.value, inherited, lockMemory, onSpawned };
    const started = await startProcess([program, ...command], settings);
    if (!started.ok) return started;
    const { child, exited } = started.value;
    fifos.feed(exited).catch(() => child.kill('SIGKILL'));
    const ready = await becomeReady(options, folder.value, started.value);
    if (ready.ok) return ready;
    child.kill('SIGKILL');
    await exited;
    return ready;
  } finally {
    await fifos.remove();
    for (const secret of secrets.values()) secret.wipe();
  }
}

function checkIdentity({ machine, identity, insecureSameUser }: LaunchOptions): Result<void, Fault<'qemu-identity'>> {
  if (!identity) {
    if (machine.protection !== 'shielded' || insecureSameUser) return ok(undefined);
    return fail(
      'qemu-identity',
      'a shielded machine needs a user of its own: others of our user could read its memory',
    );
  }
  const ids = [identity.uid, identity.gid];
  if (!ids.every((id) => Number.isSafeInteger(id) && id > 0 && id < 0xffff_ffff))
    return fail('qemu-identity', `${ids.join(':')} is no user and group to become`);
  if (process.getuid?.() !== 0) return fail('qemu-identity', 'only root can run QEMU as another user');
  return ok(undefined);
}

function passphrases({ machine, secrets }: LaunchOptions): ReadonlyMap<string, Secret> {
  return new Map(
    secretIds(machine).map((id) => {
      const key = secrets?.get(id);
      if (!key) throw new Error(`the machine names a secret that was not given: ${id}`);
      return [id, luksPassphrase(key)];
    }),
  );
}

/** The arguments, and the descriptors that QEMU inherits. */
function arrange(options: LaunchOptions, folder: RunFolder, secretFiles: ReadonlyMap<string, string>) {
  const { machine, identity, held = [] } = options;
  const given = descriptorIds(machine).map((id) => {
    const fd = options.descriptors.get(id);
    if (fd === undefined) throw new Error(`the machine names a descriptor that was not given: ${id}`);
    return { id, fd, blockDevice: fstatSync(fd).isBlockDevice() };
  });
  const descriptors = new Map(
    given.map(({ id, blockDevice }, index) => [id, { fd: FIRST_DESCRIPTOR + index, blockDevice }]),
  );
  const plumbing = { qmpSocket: folder.qmpSocket, descriptors, secretFiles, ...(identity && { identity }) };
  const built = machineArguments(machine, plumbing);
  return built.ok ? ok({ command: built.value, inherited: [...given.map(({ fd }) => fd), ...held] }) : built;
}

async function becomeReady(
  options: LaunchOptions,
  folder: RunFolder,
  { child, process, exited }: StartedProcess,
): Promise<Result<RunningMachine, LaunchFault>> {
  const { machine, identity, outlive, paused } = options;
  const connected = await connectWhenReady(options, folder, exited);
  if (!connected.ok) return connected;
  const qmp = connected.value;
  // Answered by QEMU's main loop, which runs after it has become the other user.
  const status = await qmp.execute('query-status');
  if (!status.ok) return status;
  for (const id of secretIds(machine)) {
    const forgotten = await qmp.execute('object-del', { id: secretObject(id) });
    if (!forgotten.ok) return forgotten;
  }
  const isolation = await readIsolation(process.pid);
  const gaps = isolationGaps(isolation, identity);
  if (!isolation || gaps.length > 0) return fail('qemu-not-isolated', gaps.join('; '));
  const release = outlive ? () => child.unref() : endWithUs(child);
  const running = new RunningMachine({ process, qmp, isolation, exited, folder, release });
  const resumed = paused ? ok(undefined) : await running.resume();
  return resumed.ok ? ok(running) : resumed;
}

async function connectWhenReady(
  { startMillis = START_MILLIS, transcript }: LaunchOptions,
  folder: RunFolder,
  exited: Promise<Exit>,
): Promise<Result<Qmp, LaunchFault>> {
  const deadline = performance.now() + startMillis;
  let exit: Exit | undefined;
  void exited.then((how) => (exit = how));
  for (;;) {
    const timeoutMillis = Math.max(1, deadline - performance.now());
    const connected = await Qmp.connect(folder.qmpSocket, { timeoutMillis, transcript });
    if (connected.ok) return connected;
    if (connected.fault.code !== 'qmp-closed' && connected.fault.code !== 'qmp-timeout') return connected;
    if (exit) return explained(exit);
    if (performance.now() >= deadline)
      return fail('qemu-start-timeout', `QEMU does not answer within ${startMillis} ms: ${await folder.lastWords()}`);
    await sleep(POLL_MILLIS);
  }
}

function explained({ code, signal, said }: Exit): Failed<LaunchFault> {
  if (/Failed to get (shared )?"[a-z ]+" lock/.test(said)) return fail('disk-in-use', said);
  if (said.includes('Invalid password, cannot unlock any keyslot')) return fail('wrong-disk-key', said);
  return fail('qemu-failed', `ended with ${signal ?? `status ${code}`}: ${said}`);
}
