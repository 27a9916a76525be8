import type { FileHandle } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VmId } from '@sekimori/guest-state';
import type { Exit, RunningMachine, Stopped } from '@sekimori/qemu';
import { describeFault, fail, type Fault, ok, type Result } from '@sekimori/result';
import { type GuestMessage, talkToGuest } from '../guest-disk/index.ts';
import type { GuestReport } from './api.ts';
import { beat, releaseClaim, stillOurs } from './folder/claim.ts';
import type { ReleaseKeys } from './keys.ts';
import { contentOf } from './memory.ts';
import { endSwtpm } from './processes.ts';
import type { NvramKeeper } from './nvram-keeper.ts';
import { removeRunFolder } from './run-record.ts';

const MAX_NVRAM = 4 * 1024 * 1024;
const MAX_NOTES = 50;
const SWTPM_MILLIS = 2000;

export interface RunningVmParts {
  readonly name: string;
  readonly vmId: VmId;
  readonly folder: string;
  readonly generation: bigint;
  readonly startedAt: string;
  readonly runFolder: string;
  readonly machine: RunningMachine;
  readonly keeper: NvramKeeper;
  readonly port: Duplex;
  /** The firmware's variables as they are now; undefined where QEMU was gone before it was asked for them. */
  readonly nvram: FileHandle | undefined;
  /** swtpm's process, where it is known. */
  readonly swtpm?: number | undefined;
  /** The storage's lock, where this agent took it; QEMU has it too. */
  readonly lock?: FileHandle;
}

/**
 * One VM that runs: shows others that it lives, keeps its NVRAM, and ends it where another host has it. `ended` comes when nothing of it
 * is left but what its guest told.
 */
export class RunningVm {
  readonly parts: RunningVmParts;
  readonly ended: Promise<{ readonly exit: Exit; readonly fenced: boolean }>;
  readonly #release: ReleaseKeys;
  readonly #leaseMillis: number;
  readonly #log: (event: string, detail: object) => void;
  readonly #watching = new AbortController();
  #guest: GuestReport = { state: 'unknown', notes: [], asksForRecovery: false };
  #recovery: { readonly request: Uint8Array; readonly answer: (answer: Uint8Array | undefined) => void } | undefined;
  #fenced = false;
  #detached = false;
  #keeping = Promise.resolve();
  #isKeeping = false;

  constructor(
    parts: RunningVmParts,
    options: {
      readonly release: ReleaseKeys;
      readonly leaseMillis: number;
      readonly log: (event: string, detail: object) => void;
    },
  ) {
    this.parts = parts;
    this.#release = options.release;
    this.#leaseMillis = options.leaseMillis;
    this.#log = options.log;
    this.ended = this.#untilItEnds();
    void this.#watch();
    void this.#listen();
  }

  get guest(): GuestReport {
    return this.#guest;
  }

  /** Ends it, in order where the guest does as it is told within the grace. */
  async stop(graceMillis: number): Promise<Pick<Stopped, 'how'>> {
    const { how } = await this.parts.machine.stop({ graceMillis });
    await this.ended;
    return { how };
  }

  /** What the guest asks its owner; undefined where it asks nothing. */
  get recoveryRequest(): Uint8Array | undefined {
    return this.#recovery?.request;
  }

  /** `vm-asks-nothing`: it does not wait for one. */
  answerRecovery(answer: Uint8Array): Result<void, Fault<'vm-asks-nothing'>> {
    if (!this.#recovery) return fail('vm-asks-nothing', 'the guest does not ask for recovery');
    this.#recovery.answer(answer);
    return ok(undefined);
  }

  /** Lets go of it: the VM runs on, and the next agent takes it up. */
  async detach(): Promise<void> {
    this.#detached = true;
    this.#watching.abort();
    await this.#keepNvram();
    this.parts.machine.detach();
    this.parts.port.destroy();
    await this.#letGo();
  }

  async #untilItEnds(): Promise<{ readonly exit: Exit; readonly fenced: boolean }> {
    const exit = await this.parts.machine.exited;
    if (this.#detached) return { exit, fenced: this.#fenced };
    this.#watching.abort();
    this.parts.port.destroy();
    const { folder, generation, runFolder, name, swtpm } = this.parts;
    if (swtpm !== undefined) await endSwtpm(swtpm, runFolder, { graceMillis: SWTPM_MILLIS }); // its state is whole then
    if (!this.#fenced) {
      await this.#keepNvram();
      await releaseClaim(folder, generation).catch((error: unknown) =>
        this.#log('the claim was not given back', { vm: name, error: String(error) }),
      );
    }
    await this.#letGo();
    await removeRunFolder(runFolder);
    this.#log('ended', { vm: name, code: exit.code, signal: exit.signal, said: exit.said, fenced: this.#fenced });
    return { exit, fenced: this.#fenced };
  }

  async #letGo(): Promise<void> {
    this.parts.keeper.close();
    await this.parts.nvram?.close();
    await this.parts.lock?.close();
  }

  /**
   * Several times within a lease: a beat, so that nobody takes this VM for dead, and a look whether somebody did. A host that cannot reach
   * the storage for most of a lease ends the VM, before another may start it; storage that hangs is as bad as storage that fails.
   */
  async #watch(): Promise<void> {
    const patience = (this.#leaseMillis * 2) / 3;
    let last = performance.now();
    let due = last + this.#leaseMillis / 6;
    while (await this.#passes(due - performance.now())) {
      // Where we ourselves were held up, a look decides, and not our own silence.
      if (performance.now() - due > this.#leaseMillis / 6) last = performance.now();
      due = performance.now() + this.#leaseMillis / 6;
      const rest = this.#passes(last + patience - performance.now());
      const seen = await Promise.race([this.#look(), rest.then(() => 'silent' as const)]);
      if (this.#watching.signal.aborted) return;
      if (seen === 'ours') {
        last = performance.now();
        this.#keepNvramSoon(); // which may take a release: the next beat does not wait for it
      } else if (seen !== 'silent') return this.#fence(seen.overtaken);
      else if (performance.now() - last >= patience)
        return this.#fence('the storage did not answer for most of a lease');
    }
  }

  /** False where the VM ended, or was let go of, meanwhile. */
  async #passes(millis: number): Promise<boolean> {
    const { signal } = this.#watching;
    await sleep(Math.max(0, millis), undefined, { signal, ref: false }).catch(() => {});
    return !signal.aborted;
  }

  /** Whose the VM is by the storage, with a beat where it is ours. Never rejects. */
  async #look(): Promise<'ours' | 'silent' | { readonly overtaken: string }> {
    const { folder, generation, name } = this.parts;
    try {
      const ours = await stillOurs(folder, generation);
      if (!ours.ok) return { overtaken: ours.fault.detail };
      await beat(folder, generation);
      return 'ours';
    } catch (error) {
      this.#log('the storage does not answer', { vm: name, error: String(error) });
      return 'silent';
    }
  }

  async #fence(why: string): Promise<void> {
    this.#fenced = true;
    this.#log('fenced', { vm: this.parts.name, why });
    await this.parts.machine.kill(); // an end in order would write to disks that are another host's
  }

  #keepNvramSoon(): void {
    if (this.#isKeeping) return;
    this.#isKeeping = true;
    void this.#keepNvram().then(() => (this.#isKeeping = false));
  }

  /** One after the other: what was read later is also written later, and whoever has waited closes the file. */
  #keepNvram(): Promise<void> {
    this.#keeping = this.#keeping.then(() => this.#keepNvramNow());
    return this.#keeping;
  }

  async #keepNvramNow(): Promise<void> {
    const { nvram, name } = this.parts;
    if (!nvram) return;
    try {
      const kept = await this.parts.keeper.keep(await contentOf(nvram, MAX_NVRAM), this.#release);
      if (!kept.ok) this.#log('NVRAM not kept', { vm: name, fault: describeFault(kept.fault) });
    } catch (error) {
      this.#log('NVRAM not kept', { vm: name, error: String(error) });
    }
  }

  async #listen(): Promise<void> {
    const outcome = await talkToGuest(this.parts.port, {
      mode: 'boot',
      onMessage: (message) => this.#hear(message),
      recover: (request) =>
        new Promise((answer) => {
          this.#recovery = {
            request,
            answer: (bytes) => {
              this.#recovery = undefined;
              this.#guest = { ...this.#guest, asksForRecovery: false };
              answer(bytes);
            },
          };
          this.#guest = { ...this.#guest, asksForRecovery: true };
        }),
    });
    if (outcome.ok && outcome.value.type !== 'trial') this.#guest = { ...this.#guest, state: outcome.value.type };
  }

  #hear(message: GuestMessage): void {
    if (message.type === 'note') this.#note(message.text);
    else if (message.type === 'disk')
      this.#note(`disk ${message.disk} ${message.state}${message.reason === '' ? '' : `: ${message.reason}`}`);
  }

  #note(text: string): void {
    this.#guest = { ...this.#guest, notes: [...this.#guest.notes, text].slice(-MAX_NOTES) };
  }
}
