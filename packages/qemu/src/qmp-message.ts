import { concat, fromUtf8 } from '@sekimori/bytes';
import { fail, type Fault, ok, type Result } from '@sekimori/result';

/** What QEMU tells of its own accord. */
export interface QmpEvent {
  /** For example 'SHUTDOWN'. */
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** By the host's clock, in milliseconds since 1970; NaN where QEMU could not tell. */
  readonly at: number;
}

/** One line of QEMU's. docs/interop/qmp-spec.rst, sections 2.2 to 2.5. */
export type QmpMessage =
  | { readonly type: 'greeting'; readonly version: string }
  | { readonly type: 'return'; readonly id: number; readonly value: unknown }
  /** Without an id where QEMU could not read the command at all. */
  | { readonly type: 'error'; readonly id: number | undefined; readonly class: string; readonly description: string }
  | { readonly type: 'event'; readonly event: QmpEvent };

type Fields = Readonly<Record<string, unknown>>;

/** `qmp-malformed` for whatever QEMU would not send us. Unknown members are passed over, as the specification asks. */
export function parseQmpMessage(line: Uint8Array): Result<QmpMessage, Fault<'qmp-malformed'>> {
  const text = fromUtf8(line);
  if (text === undefined) return fail('qmp-malformed', 'a line is not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail('qmp-malformed', 'a line is not JSON');
  }
  const message = isFields(value) ? messageOf(value) : undefined;
  return message ? ok(message) : fail('qmp-malformed', 'a line is neither greeting, answer nor event');
}

function messageOf(fields: Fields): QmpMessage | undefined {
  const { QMP: greeting, event, error, id } = fields;
  if (isFields(greeting)) return { type: 'greeting', version: versionOf(greeting) };
  if (typeof event === 'string') return { type: 'event', event: eventOf(event, fields) };
  if (isFields(error)) {
    const { class: name, desc } = error;
    if (typeof name !== 'string' || typeof desc !== 'string' || (id !== undefined && !isId(id))) return undefined;
    return { type: 'error', id, class: name, description: desc };
  }
  return 'return' in fields && isId(id) ? { type: 'return', id, value: fields['return'] } : undefined;
}

function versionOf(greeting: Fields): string {
  const { version } = greeting;
  const qemu = isFields(version) && isFields(version['qemu']) ? version['qemu'] : {};
  return ['major', 'minor', 'micro'].map((part) => String(Number(qemu[part]))).join('.');
}

function eventOf(name: string, { data, timestamp }: Fields): QmpEvent {
  const { seconds, microseconds } = isFields(timestamp) ? timestamp : {};
  const known = typeof seconds === 'number' && typeof microseconds === 'number' && seconds >= 0;
  return { name, data: isFields(data) ? data : {}, at: known ? seconds * 1000 + microseconds / 1000 : Number.NaN };
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isId = (value: unknown): value is number => Number.isSafeInteger(value);

const NEWLINE = 0x0a;

/** Cuts a stream into lines. It never holds more than `maxBytes` of an unfinished one. */
export class LineReader {
  readonly #maxBytes: number;
  #held: Uint8Array[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that are whole now, without their ends. `qmp-malformed` for one that is too long. */
  push(chunk: Uint8Array): Result<readonly Uint8Array[], Fault<'qmp-malformed'>> {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#hold(chunk.subarray(start, end));
      if (this.#length > this.#maxBytes) return this.#tooLong();
      lines.push(this.#take());
      start = end + 1;
    }
    this.#hold(chunk.subarray(start));
    return this.#length > this.#maxBytes ? this.#tooLong() : ok(lines);
  }

  #hold(part: Uint8Array): void {
    this.#held.push(part);
    this.#length += part.length;
  }

  #take(): Uint8Array {
    const line = concat(...this.#held);
    this.#held = [];
    this.#length = 0;
    return line;
  }

  #tooLong() {
    this.#take();
    return fail('qmp-malformed', `a line has more than ${this.#maxBytes} bytes`);
  }
}
