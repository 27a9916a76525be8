import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Secret } from '@sekimori/crypto-core';
import { fail, ok, type Result } from '@sekimori/result';
import { initializeSwtpm, sendStateKey, stateKeyArguments, untilListening } from '@sekimori/tpm2-device/swtpm';
import { existingState, giveStateTo, startFault, type VirtualTpmFault } from './state.ts';

/** A virtual TPM that waits for QEMU, or serves it. It ends with QEMU, and does not end with this process. */
export interface VirtualTpm {
  readonly pid: number;
  /** Resolves when it has ended. Never rejects. */
  readonly exited: Promise<void>;
  /** Ends it, gently first. A TPM that serves a VM is ended by ending QEMU. */
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MILLIS = 5_000;
/** sun_path of sockaddr_un, its NUL included. */
const MAX_SOCKET_PATH = 108;

/**
 * Waits for a line, so that whoever starts it can write down which process it is: where we die before, it ends by itself. Its memory
 * holds the state in clear: no core dump of any kind, also where core_pattern names a program. core(5). A file of its own has 8 MiB (16384
 * blocks of 512 bytes) at most: a guest can have it write to its log without end. What is more is refused, and does not kill it; the
 * state has a few kilobytes.
 */
const SHIM = [
  'read -r go',
  'echo 0 > /proc/self/coredump_filter',
  'ulimit -c 0',
  "trap '' XFSZ",
  'ulimit -f 16384',
  'exec "$@" < /dev/null',
].join(' && ');

/**
 * Starts swtpm over an existing state for `-tpmdev emulator` of QEMU, which finds it at `controlSocket`. Under `uid` (and the
 * group of the same number) where one is given, which takes root: the state becomes that user's, and the folder of the
 * socket must be. The key goes through a pipe. Its words are appended to `logFile` (0600), up to 8 MiB in all.
 */
export async function startVirtualTpm(options: {
  readonly stateDir: string;
  readonly stateKey: Secret;
  readonly controlSocket: string;
  readonly uid?: number;
  readonly logFile: string;
  /**
   * Called when the process is there and swtpm has not started: nobody else ends it when we die before QEMU has come. What it throws is
   * thrown on, with the process ended.
   */
  readonly onSpawned?: (pid: number) => Promise<void>;
}): Promise<Result<VirtualTpm, VirtualTpmFault>> {
  const { stateDir, stateKey, controlSocket, uid, logFile, onSpawned } = options;
  if (Buffer.byteLength(controlSocket) >= MAX_SOCKET_PATH)
    return fail('vtpm-start-failed', `too long for a socket: ${controlSocket}`);
  if (controlSocket.includes(','))
    return fail('vtpm-start-failed', `swtpm takes no path with a comma: ${controlSocket}`);
  const there = await existingState(stateDir);
  if (!there.ok) return there;
  const given = uid === undefined ? ok(undefined) : await giveStateTo(stateDir, uid);
  if (!given.ok) return given;
  await rm(controlSocket, { force: true });
  const program = [
    ['swtpm', 'socket', '--tpm2', '--terminate'],
    // Where it stands: the way there leads through folders that are closed to its user.
    ['--tpmstate', 'dir=.,mode=0600'],
    ['--ctrl', `type=unixio,path=${controlSocket},mode=0600`],
    ['--seccomp', 'action=kill'],
    stateKeyArguments('swtpm', stateKey),
  ].flat();
  const log = await open(logFile, 'a', 0o600);
  const child = spawn('sh', ['-c', SHIM, 'sh', ...program], {
    cwd: stateDir,
    detached: true,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdio: ['pipe', log.fd, log.fd, 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const running = new RunningVirtualTpm(child);
  await log.close();
  sendStateKey(child, stateKey);
  child.stdin?.on('error', () => {}); // it ended already: `untilListening` says so
  try {
    if (child.pid !== undefined) await onSpawned?.(child.pid);
  } catch (error) {
    await running.stop();
    throw error;
  }
  try {
    child.stdin?.end('go\n');
    await untilListening({ path: controlSocket }, () => running.ended);
    // Only now swtpm reads its state, and says whether the key is right. QEMU initializes it once more.
    await initializeSwtpm({ path: controlSocket });
    return ok(running);
  } catch (error) {
    await running.stop();
    const fault = startFault(error);
    const said = fault.fault.code === 'vtpm-start-failed' ? await lastWords(logFile) : '';
    return said === '' ? fault : fail(fault.fault.code, `${fault.fault.detail}: ${said}`);
  }
}

const MAX_WORDS = 500;

/** The end of its log: swtpm never writes keys there. */
async function lastWords(logFile: string): Promise<string> {
  const said = await readFile(logFile, 'utf8').catch(() => '');
  return said.trim().slice(-MAX_WORDS);
}

class RunningVirtualTpm implements VirtualTpm {
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  #ended: string | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.unref();
    this.exited = new Promise((resolve) => {
      const end = (how: string) => {
        this.#ended ??= how;
        resolve();
      };
      child.once('exit', (status, signal) => end(`swtpm ended with ${signal ?? status}`));
      child.once('error', (error) => end(error.message));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }
  /** How it ended, once it has. */
  get ended(): string | undefined {
    return this.#ended;
  }

  async stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#child.kill('SIGTERM');
    const late = sleep(STOP_TIMEOUT_MILLIS, 'late' as const, { ref: false });
    if ((await Promise.race([this.exited, late])) === 'late') this.#child.kill('SIGKILL');
    await this.exited;
  }
}
