import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Effort, Failure, Limits, Outcome } from './loop.ts';
import { type Answer, NOTE_HEADER, type Request } from './messages.ts';
import type { Target } from './target.ts';

const PROGRAM = fileURLToPath(new URL('./lane-process.ts', import.meta.url));
const MAX_RESIDENT_BYTES = 2 ** 31;
/** A process that is at one input for long, and has grown so much since it began with it, is short of memory. */
const SUSPECT_BYTES = 2 ** 27;
const PAGE = 4096;
/** Loading a file may take its time. */
const LOADING_MILLIS = 60_000;
const KEPT_ERROR_TEXT = 20_000;

export interface LaneOptions {
  /** Mebibytes that the process may hold on its heap. */
  readonly heapMib: number;
  /** Whether to follow which blocks of the code under test run: better inputs, after seconds of preparation. */
  readonly coverage: boolean;
}

/** A process that runs targets, one after the other, and another one in its place when it had to be killed. */
export class Lane {
  readonly #folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  readonly #notes = join(this.#folder, 'input');
  readonly #options: LaneOptions;
  #child: ChildProcess | undefined;
  #errors = '';

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** The targets of a file, or why it does not load. */
  async list(file: string): Promise<readonly Target[] | Failure> {
    const answer = await this.#ask({ do: 'list', file }, LOADING_MILLIS);
    if ('kind' in answer) return answer;
    if (answer.is === 'targets') return answer.targets;
    if (answer.is === 'outcome' && answer.outcome.failure) return answer.outcome.failure;
    throw new Error('a list was asked for');
  }

  async fuzz(target: Target, effort: Effort): Promise<Outcome> {
    const began = performance.now();
    const answer = await this.#ask({ do: 'fuzz', target, effort }, effort.limits.millis);
    if ('kind' in answer)
      return { executions: this.#inputs(), millis: performance.now() - began, fresh: 0, failure: answer };
    if (answer.is === 'outcome') return answer.outcome;
    throw new Error('an outcome was asked for');
  }

  async try(target: Target, input: Uint8Array, limits: Limits): Promise<Failure | undefined> {
    const answer = await this.#ask({ do: 'try', target, input, limits }, limits.millis);
    if ('kind' in answer) return answer;
    if (answer.is === 'tried') return answer.failure;
    throw new Error('a try was asked for');
  }

  /** Another process for what comes next. */
  async restart(): Promise<void> {
    await this.#kill();
  }

  async end(): Promise<void> {
    await this.#kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The answer, or what the process did instead. `millis`: how long it may be at one input. */
  async #ask(request: Request, millis: number): Promise<Answer | Failure> {
    const child = this.#child ?? this.#start();
    writeFileSync(this.#notes, new Uint8Array(NOTE_HEADER));
    const answered = Promise.withResolvers<Answer | Failure>();
    const failed = (kind: Failure['kind'], detail: string) =>
      answered.resolve({ kind, detail, input: this.#lastInput() });
    child.once('message', (answer) => answered.resolve(answer as Answer));
    child.once('close', (status, signal) =>
      this.#errors.includes('heap out of memory')
        ? failed('memory', `more than ${this.#options.heapMib} MiB on the heap`)
        : failed('crash', `the process ended (${signal ?? status}) ${this.#errors}`.trim()),
    );
    child.send(request);
    let [seen, since, began] = [-1, performance.now(), 0];
    const watch = setInterval(
      () => {
        const inputs = this.#inputs();
        const now = performance.now();
        const resident = residentBytes(child.pid);
        const inUse = `${Math.round(resident / 2 ** 20)} MiB in use`;
        if (resident > MAX_RESIDENT_BYTES) failed('memory', inUse);
        if (inputs !== seen) [seen, since, began] = [inputs, now, resident];
        else if (now - since > (inputs === 0 ? LOADING_MILLIS : millis))
          failed(
            resident - began > SUSPECT_BYTES ? 'memory' : 'hang',
            `no end after ${Math.round(now - since)} ms, ${inUse}`,
          );
      },
      Math.min(100, millis / 4),
    );
    const answer = await answered.promise;
    clearInterval(watch);
    child.removeAllListeners('message');
    child.removeAllListeners('close');
    // A process that failed in the watcher's eyes is of no more use; one that answered goes on.
    if ('kind' in answer) await this.#kill();
    return answer;
  }

  #start(): ChildProcess {
    writeFileSync(this.#notes, new Uint8Array(NOTE_HEADER));
    this.#errors = '';
    const child = fork(PROGRAM, [this.#notes, ...(this.#options.coverage ? ['coverage'] : [])], {
      execArgv: [
        '--conditions=@sekimori/source',
        '--enable-source-maps',

        `--max-old-space-size=${this.#options.heapMib}`,
      ],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-KEPT_ERROR_TEXT);
    });
    this.#child = child;
    return child;
  }

  async #kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = Promise.withResolvers<void>();
    child.once('exit', () => ended.resolve());
    child.kill('SIGKILL');
    await ended.promise;
  }

  /** How many inputs the process has begun with since it started. */
  #inputs(): number {
    return readFileSync(this.#notes).readUInt32LE(0);
  }

  #lastInput(): Uint8Array {
    const note = readFileSync(this.#notes);
    return Uint8Array.from(note.subarray(NOTE_HEADER, NOTE_HEADER + note.readUInt32LE(4)));
  }
}

/** 0 where the system does not say. */
function residentBytes(pid: number | undefined): number {
  try {
    return PAGE * Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  } catch {
    return 0;
  }
}
