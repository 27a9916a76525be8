import type { Duplex } from 'node:stream';
import { fromHex, utf8 } from '@sekimori/bytes';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { type DiskState, type GuestLine, LineReader, parseGuestLine, type RecoveryPart } from './guest-lines.ts';
import { answerLines } from './recovery-answer.ts';
import { RECOVERY_PCRS, writeRecoveryRequest } from './recovery-request.ts';

/** What the guest told. Its own words: nothing of it is proven. */
export type GuestMessage =
  | { readonly type: 'hello' }
  | { readonly type: 'disk'; readonly disk: number; readonly state: DiskState; readonly reason: string }
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'recovery' }
  | { readonly type: 'end'; readonly outcome: 'open' | 'closed' | 'trial' };

/** `open`: no disk stayed closed. `closed`: the guest does not go on. */
export type GuestOutcome =
  | { readonly type: 'open' }
  | { readonly type: 'closed' }
  | { readonly type: 'trial'; readonly pcrs: ReadonlyMap<number, Uint8Array> };

/** `guest-port-malformed`: not the protocol. `guest-port-closed`: the guest ended before its part was over. */
export type GuestPortFault = Fault<'guest-port-malformed' | 'guest-port-closed'>;

export interface GuestTalk {
  /** `trial`: report the PCRs and power off; no disk is opened. */
  readonly mode: 'boot' | 'trial';
  /** Also after the outcome: notes of the guest's own programs. */
  readonly onMessage?: (message: GuestMessage) => void;
  /** The guest asks for the recovery key. Undefined, or left out: it stays closed. */
  readonly recover?: (request: Uint8Array) => Promise<Uint8Array | undefined>;
}

/**
 * The host's side of the port `sekimori.guest`: says what this boot is for, and listens until the guest's part is over. A guest
 * that has no such part says nothing, and then this does not end before the port does. Never rejects. A guest that does not keep to the
 * protocol, or says more than 4 MiB or 20 000 lines in all, also after its part, is not heard any more: the port is destroyed.
 */
export function talkToGuest(port: Duplex, talk: GuestTalk): Promise<Result<GuestOutcome, GuestPortFault>> {
  return new Promise((resolve) => {
    const conversation = new Conversation(port, talk, resolve);
    port.on('data', (chunk: Uint8Array) => conversation.hear(chunk));
    for (const event of ['end', 'close', 'error'])
      port.on(event, () => resolve(fail('guest-port-closed', 'the guest has ended')));
    port.write(utf8(`${talk.mode} 1\n`));
  });
}

const MAX_RECOVERY = 1024 * 1024;
/** In all, for one port. A recovery request takes one and a half MiB at most. */
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_LINES = 20_000;

class Conversation {
  readonly #port: Duplex;
  readonly #talk: GuestTalk;
  readonly #resolve: (outcome: Result<GuestOutcome, GuestPortFault>) => void;
  readonly #lines = new LineReader();
  readonly #pcrs = new Map<number, Uint8Array>();
  #parts = new Map<RecoveryPart, string>();
  #bytes = 0;
  #taken = 0;
  #malformed = false;
  /** A guest asks again when its host does not seem to hear: one question is put at a time. */
  #asking = false;

  constructor(port: Duplex, talk: GuestTalk, resolve: (outcome: Result<GuestOutcome, GuestPortFault>) => void) {
    this.#port = port;
    this.#talk = talk;
    this.#resolve = resolve;
  }

  hear(chunk: Uint8Array): void {
    if (this.#malformed) return;
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BYTES) return this.#giveUp(fail('guest-port-malformed', 'words without end').fault);
    const lines = this.#lines.push(chunk);
    if (!lines.ok) return this.#giveUp(lines.fault);
    for (const text of lines.value) {
      if (this.#malformed) return;
      if (++this.#taken > MAX_LINES) return this.#giveUp(fail('guest-port-malformed', 'lines without end').fault);
      const line = parseGuestLine(text);
      if (!line.ok) return this.#giveUp(line.fault);
      this.#take(line.value);
    }
  }

  #take(line: GuestLine): void {
    switch (line.type) {
      case 'pcr':
        this.#pcrs.set(line.index, fromHex(line.value) ?? new Uint8Array(0));
        return;
      case 'recovery':
        this.#takePart(line.name, line.chunk);
        return;
      case 'recover':
        this.#tell({ type: 'recovery' });
        void this.#recover();
        return;
      case 'end':
        this.#tell(line);
        this.#resolve(ok(line.outcome === 'trial' ? { type: 'trial', pcrs: this.#pcrs } : { type: line.outcome }));
        return;
      default:
        this.#tell(line);
    }
  }

  #takePart(name: RecoveryPart, chunk: string): void {
    this.#parts.set(name, (this.#parts.get(name) ?? '') + chunk);
    const length = [...this.#parts.values()].reduce((sum, part) => sum + part.length, 0);
    if (length > MAX_RECOVERY) this.#giveUp(fail('guest-port-malformed', 'a recovery request without end').fault);
  }

  async #recover(): Promise<void> {
    const parts = this.#parts;
    this.#parts = new Map();
    if (this.#asking) return;
    this.#asking = true;
    const pcrs = new Map(
      RECOVERY_PCRS.indices.flatMap((index) => {
        const value = this.#pcrs.get(index);
        return value ? [[index, value] as const] : [];
      }),
    );
    const request = writeRecoveryRequest(parts, pcrs);
    const answer = await this.#talk.recover?.(request).catch(() => undefined);
    this.#asking = false;
    this.#port.write(utf8((answer && answerLines(answer)) ?? 'no-answer\n'));
  }

  #tell(message: GuestMessage): void {
    this.#talk.onMessage?.(message);
  }

  #giveUp(fault: GuestPortFault): void {
    this.#malformed = true;
    this.#resolve({ ok: false, fault }); // of no effect after the outcome
    this.#port.destroy(); // reading on would cost time, for a guest that has all the time
  }
}
