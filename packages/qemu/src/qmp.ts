import { connect, type Socket } from 'node:net';
import { type Failed, fail, type Fault, ok, type Result } from '@sekimori/result';
import { LineReader, parseQmpMessage, type QmpEvent, type QmpMessage } from './qmp-message.ts';
import { type Arguments, receivedLine, sentLine, withoutValues } from './qmp-transcript.ts';

/** query-qmp-schema, the longest answer there is, has 200 kB. */
const MAX_LINE = 4 * 1024 * 1024;
const TIMEOUT_MILLIS = 10_000;

/** QEMU's refusal, in its words. */
export interface QmpRefusal extends Fault<'qmp-error'> {
  /** QEMU's error class, for example 'GenericError' or 'DeviceNotFound'. */
  readonly class: string;
}
export type QmpFault = QmpRefusal | Fault<'qmp-timeout' | 'qmp-closed' | 'qmp-malformed'>;

export interface QmpOptions {
  /** For the connection, and for each command that says nothing else. */
  readonly timeoutMillis?: number;
  /** Gets a line for everything sent and received, fit to be kept: what could be secret is left out. */
  readonly transcript?: ((line: string) => void) | undefined;
}

interface Waiting {
  readonly args: Arguments;
  readonly settle: (outcome: Result<unknown, QmpFault>) => void;
}

/** QEMU's machine protocol over a UNIX socket. QEMU serves one client at a time; others wait until it has gone. */
export class Qmp {
  readonly #socket: Socket;
  readonly #options: QmpOptions;
  readonly #lines = new LineReader(MAX_LINE);
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  #next = 1;
  #greeted: (outcome: Result<void, QmpFault>) => void = () => {};
  #end: Failed<Fault<'qmp-closed' | 'qmp-malformed'>> | undefined;
  /** Resolves when the connection is over, whoever ended it. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, options: QmpOptions) {
    this.#socket = socket;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on('data', (chunk: Uint8Array) => this.#read(chunk));
    socket.on('error', (error) => this.#finish(fail('qmp-closed', error.message)));
    socket.on('close', () => {
      this.#finish(fail('qmp-closed', 'QEMU closed the connection'));
      resolve();
    });
  }

  /**
   * Connects and agrees on the protocol. `qmp-closed` where nobody listens or QEMU hangs up, `qmp-timeout` where no greeting comes
   * (another client is connected), `qmp-malformed` for a peer that is no QEMU.
   */
  static async connect(path: string, options: QmpOptions = {}): Promise<Result<Qmp, QmpFault>> {
    const qmp = new Qmp(connect({ path }), options);
    const greeted = await qmp.#greeting();
    if (!greeted.ok) return qmp.#refuse(greeted);
    const ready = await qmp.execute('qmp_capabilities');
    return ready.ok ? ok(qmp) : qmp.#refuse(ready);
  }

  #greeting(): Promise<Result<void, QmpFault>> {
    const { timeoutMillis = TIMEOUT_MILLIS } = this.#options;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#greeted(fail('qmp-timeout', 'QEMU does not greet')), timeoutMillis);
      this.#greeted = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
    });
  }

  #refuse(failed: Failed<QmpFault>): Failed<QmpFault> {
    this.close();
    return failed;
  }

  /**
   * One command and its answer. `qmp-error` where QEMU refuses, in its words but without the values of the arguments; `qmp-timeout`
   * where no answer comes in time (it is dropped when it comes late); `qmp-closed` and `qmp-malformed` once the connection is over.
   */
  execute(
    command: string,
    args: Arguments = {},
    options: { readonly timeoutMillis?: number } = {},
  ): Promise<Result<unknown, QmpFault>> {
    if (this.#end) return Promise.resolve(this.#end);
    const id = this.#next++;
    const limit = options.timeoutMillis ?? this.#options.timeoutMillis ?? TIMEOUT_MILLIS;
    return new Promise((resolve) => {
      const settle: Waiting['settle'] = (outcome) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(outcome);
      };
      const late = () => settle(fail('qmp-timeout', `no answer to ${command} within ${limit} ms`));
      const timer = setTimeout(late, limit);
      this.#waiting.set(id, { args, settle });
      this.#options.transcript?.(sentLine(id, command, args));
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  /** Calls for each event from now on, until what is returned is called. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The connection only: QEMU goes on. */
  close(): void {
    this.#finish(fail('qmp-closed', 'the connection was closed here'));
  }

  #read(chunk: Uint8Array): void {
    const lines = this.#lines.push(chunk);
    if (!lines.ok) return this.#finish(lines);
    for (const line of lines.value) {
      if (this.#end) return;
      const message = parseQmpMessage(line);
      if (!message.ok) return this.#finish(message);
      this.#options.transcript?.(receivedLine(message.value));
      this.#take(message.value);
    }
  }

  #take(message: QmpMessage): void {
    if (message.type === 'greeting') return this.#greeted(ok(undefined));
    if (message.type === 'event') {
      for (const listener of this.#listeners) listener(message.event);
      return;
    }
    // Nobody waits for an answer that comes late.
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (message.type === 'return') return waiting?.settle(ok(message.value));
    if (message.id === undefined) return this.#finish(fail('qmp-malformed', 'QEMU cannot read our commands'));
    waiting?.settle(refusal(message.class, withoutValues(message.description, waiting.args)));
  }

  #finish(reason: Failed<Fault<'qmp-closed' | 'qmp-malformed'>>): void {
    if (this.#end) return;
    this.#end = reason;
    this.#socket.destroy();
    this.#greeted(reason);
    for (const { settle } of this.#waiting.values()) settle(reason);
  }
}

const MAX_DESCRIPTION = 1000;

function refusal(name: string, description: string): Failed<QmpRefusal> {
  return { ok: false, fault: { code: 'qmp-error', class: name, detail: description.slice(0, MAX_DESCRIPTION) } };
}
