import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MILLIS = 5;
const BOOT_MILLIS = 120_000;

/** What the guest said in one life of its QEMU. */
export interface Boot {
  text: string;
  /** QEMU is gone. */
  hasEnded: boolean;
}

export interface Counts {
  readonly disk: bigint;
  readonly nvram: bigint;
}

/** Listens to each QEMU that comes up at a serial port's socket, from its first word on, whoever started it. */
export class SerialConsole {
  readonly boots: Boot[] = [];
  readonly #socket: string;
  #isClosed = false;
  readonly #listening: Promise<void>;

  constructor(socket: string) {
    this.#socket = socket;
    this.#listening = this.#listen();
  }

  /** What the QEMU that runs says of its boot, once it does. */
  async counts(): Promise<Counts> {
    const deadline = performance.now() + BOOT_MILLIS;
    for (;;) {
      const boot = this.boots.at(-1);
      const counts = boot && !boot.hasEnded ? countsIn(boot) : undefined;
      if (counts) return counts;
      if (performance.now() > deadline) throw new Error(`the guest does not say its counts, but: ${boot?.text}`);
      await sleep(POLL_MILLIS);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#listening;
  }

  async #listen(): Promise<void> {
    while (!this.#isClosed) {
      const socket = connect(this.#socket);
      socket.on('error', () => {}); // 'close' follows
      const ended = once(socket, 'close').catch(() => {});
      const opened = once(socket, 'connect').then(
        () => true,
        () => false,
      );
      if (!(await opened)) {
        await sleep(POLL_MILLIS);
        continue;
      }
      const boot: Boot = { text: '', hasEnded: false };
      this.boots.push(boot);
      socket.on('data', (chunk: Buffer) => (boot.text += chunk.toString('latin1')));
      while (!this.#isClosed && !socket.destroyed) await Promise.race([ended, sleep(POLL_MILLIS)]);
      socket.destroy();
      boot.hasEnded = true;
    }
  }
}

/** Undefined where it has not come that far. */
export function countsIn({ text }: Boot): Counts | undefined {
  const [disk, nvram] = ['disk', 'NVRAM'].map((name) =>
    new RegExp(`boots, by the ${name}: ([0-9a-f]{16})`).exec(text)?.at(1),
  );
  return disk !== undefined && nvram !== undefined
    ? { disk: BigInt(`0x${disk}`), nvram: BigInt(`0x${nvram}`) }
    : undefined;
}
