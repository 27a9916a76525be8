import { setTimeout as sleep } from 'node:timers/promises';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { type Isolation, kill, type ProcessIdentity } from './process.ts';
import type { Qmp, QmpFault } from './qmp.ts';
import type { RunFolder } from './run-folder.ts';

const QUIT_MILLIS = 5_000;
const LOG_CHECK_MILLIS = 30_000;

export interface Exit {
  /** Undefined where a signal ended it, or it was not started by us. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** The end of what QEMU said on its standard error. */
  readonly said: string;
}

export interface Stopped {
  /** `gone`: it had ended before. `killed`: what the guest wrote last may be lost. */
  readonly how: 'powered-down' | 'quit' | 'killed' | 'gone';
  readonly exit: Exit;
}

/** A QEMU that runs. */
export class RunningMachine {
  readonly process: ProcessIdentity;
  /** Ours alone: QEMU serves one client. */
  readonly qmp: Qmp;
  readonly isolation: Isolation;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  #hasExited = false;
  readonly #logCheck: NodeJS.Timeout;
  readonly #release: () => void;

  constructor(parts: {
    readonly process: ProcessIdentity;
    readonly qmp: Qmp;
    readonly isolation: Isolation;
    readonly exited: Promise<Exit>;
    readonly folder: RunFolder;
    /** Whatever ties it to this process. */
    readonly release: () => void;
  }) {
    this.process = parts.process;
    this.qmp = parts.qmp;
    this.isolation = parts.isolation;
    this.exited = parts.exited;
    this.#release = parts.release;
    this.#logCheck = setInterval(() => void parts.folder.boundLog().catch(() => {}), LOG_CHECK_MILLIS).unref();
    void this.#noteExit();
  }

  /** The guest runs on, or starts. */
  async resume(): Promise<Result<void, QmpFault>> {
    const answer = await this.qmp.execute('cont');
    return answer.ok ? ok(undefined) : answer;
  }

  /** QEMU's word: 'running', 'paused', 'prelaunch' where the guest has never run, 'shutdown', 'internal-error', … */
  async status(): Promise<Result<string, QmpFault>> {
    const answer = await this.qmp.execute('query-status', {}, { timeoutMillis: QUIT_MILLIS });
    if (!answer.ok) return answer;
    const { status } = answer.value as { readonly status?: unknown };
    return typeof status === 'string' ? ok(status) : fail('qmp-malformed', 'the answer has no status');
  }

  /**
   * Where the file behind a descriptor of the machine can be opened, also one without a name: /proc/PID/fd/N. `no-such-descriptor`
   * for an id that QEMU was not started with.
   */
  async descriptorPath(id: string): Promise<Result<string, QmpFault | Fault<'no-such-descriptor'>>> {
    const sets = await this.qmp.execute('query-fdsets');
    if (!sets.ok) return sets;
    const found = fdsOf(sets.value).find(({ opaque }) => opaque === id);
    return found
      ? ok(`/proc/${this.process.pid}/fd/${found.fd}`)
      : fail('no-such-descriptor', `QEMU has no descriptor ${id}`);
  }

  /** Asks the guest to power down; after `graceMillis` ends QEMU in order, and where that fails by force. */
  async stop({ graceMillis }: { readonly graceMillis: number }): Promise<Stopped> {
    if (this.#hasExited) return { how: 'gone', exit: await this.exited };
    const status = await this.status();
    // A guest that stands still would not hear of it.
    if (status.ok && status.value === 'running') {
      await this.qmp.execute('system_powerdown');
      if (await this.#endsWithin(graceMillis)) return { how: 'powered-down', exit: await this.exited };
    }
    if (status.ok) {
      await this.qmp.execute('quit', {}, { timeoutMillis: QUIT_MILLIS });
      if (await this.#endsWithin(QUIT_MILLIS)) return { how: 'quit', exit: await this.exited };
    }
    await kill(this.process);
    return { how: 'killed', exit: await this.exited };
  }

  /** Ends QEMU by force and at once: nothing more is written. */
  async kill(): Promise<Exit> {
    await kill(this.process);
    return this.exited;
  }

  /** Lets go of it: it runs on without us, and can be adopted. */
  detach(): void {
    clearInterval(this.#logCheck);
    this.qmp.close();
    this.#release();
  }

  async #noteExit(): Promise<void> {
    await this.exited;
    this.#hasExited = true;
    this.detach();
  }

  async #endsWithin(millis: number): Promise<boolean> {
    const waiting = new AbortController();
    const late = sleep(millis, false, { signal: waiting.signal }).catch(() => false);
    const ended = await Promise.race([this.exited.then(() => true), late]);
    waiting.abort();
    return ended;
  }
}

function fdsOf(answer: unknown): readonly { readonly fd: number; readonly opaque: string }[] {
  const sets = answer as readonly { readonly fds: readonly { readonly fd: number; readonly opaque?: string }[] }[];
  return sets.flatMap(({ fds }) => fds.flatMap(({ fd, opaque }) => (opaque === undefined ? [] : [{ fd, opaque }])));
}
