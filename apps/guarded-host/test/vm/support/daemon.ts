import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const START_MILLIS = 60_000;
const POLL_MILLIS = 20;

/** A program that is started again where it was killed, as systemd does. What it says is appended to a file. */
export class Daemon {
  readonly #command: readonly [string, ...string[]];
  readonly #logFile: string;
  readonly #isReady: () => Promise<boolean>;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;

  constructor(options: {
    readonly command: readonly [string, ...string[]];
    readonly logFile: string;
    readonly isReady: () => Promise<boolean>;
    readonly env?: Readonly<Record<string, string>>;
  }) {
    this.#command = options.command;
    this.#logFile = options.logFile;
    this.#isReady = options.isReady;
    this.#env = options.env ?? {};
  }

  /** Of the process that runs; undefined where none does. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it where it does not run, and waits until it answers. */
  async ensure(): Promise<void> {
    if (!this.#child) this.#start();
    const deadline = performance.now() + START_MILLIS;
    while (!(await this.#isReady())) {
      if (!this.#child) throw new Error(`it ended: ${await this.said()}`);
      if (performance.now() > deadline) {
        await this.kill();
        throw new Error(`it does not answer: ${await this.said()}`);
      }
      await sleep(POLL_MILLIS);
    }
  }

  /** What it has written to its log. */
  said(): Promise<string> {
    return readFile(this.#logFile, 'utf8');
  }

  /** By force, and at once. Resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** In order. */
  async end(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }

  #start(): void {
    const log = openSync(this.#logFile, 'a', 0o600);
    const [program, ...args] = this.#command;
    const child = spawn(program, args, {
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], SEKIMORI_LOG_LEVEL: 'info', ...this.#env },
    });
    closeSync(log);
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
  }
}
