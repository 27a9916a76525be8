import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '@sekimori/service-kit/program';

/** What passes time. Tests hand in their own. */
export interface Timing {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Ends early, without a word, when the signal is aborted. */
  readonly sleep: (millis: number, signal: AbortSignal) => Promise<void>;
}

export function systemTiming(clock: Clock): Timing {
  return {
    clock,
    random: Math.random,
    sleep: (millis, signal) => pause(millis, undefined, { signal }).catch(() => {}),
  };
}
