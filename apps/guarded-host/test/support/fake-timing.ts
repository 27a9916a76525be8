import type { Clock } from '@sekimori/service-kit/program';
import type { Timing } from '../../src/agent/timing.ts';

export interface FakeTiming extends Timing {
  /** How long was waited, in milliseconds, in order. */
  readonly waits: readonly number[];
  /** Comes back once somebody waits. */
  settled(): Promise<void>;
  /** Lets the wait that is under way pass, and comes back at the next one. */
  pass(): Promise<void>;
  /** Lets waits pass until this holds. */
  passUntil(holds: () => boolean | Promise<boolean>): Promise<void>;
}

/** A clock that stands until it is told to go on. Starts with the system's time, as TLS needs it. */
export interface FakeClock extends Clock {
  forward(millis: number): void;
}

export function fakeClock(): FakeClock {
  let now = Date.now();
  return { now: () => new Date(now), forward: (millis) => void (now += millis) };
}

/** Time passes when it is told to; `random` is always the same. */
export function fakeTiming(clock: FakeClock = fakeClock(), random = 0): FakeTiming {
  const waits: number[] = [];
  let waiting: { readonly millis: number; readonly end: () => void } | undefined;
  let asked = Promise.withResolvers<void>();
  async function settled(): Promise<void> {
    if (waiting) return;
    await asked.promise;
    return settled();
  }
  async function pass() {
    await settled();
    const { millis, end } = waiting!;
    clock.forward(millis);
    end();
    await settled();
  }
  return {
    waits,
    clock,
    random: () => random,
    sleep(millis, signal) {
      return new Promise((resolve) => {
        const end = () => {
          waiting = undefined;
          resolve();
        };
        waits.push(millis);
        waiting = { millis, end };
        signal.addEventListener('abort', end, { once: true });
        asked.resolve();
        asked = Promise.withResolvers();
      });
    },
    settled,
    pass,
    async passUntil(holds) {
      while (!(await holds())) await pass();
    },
  };
}
