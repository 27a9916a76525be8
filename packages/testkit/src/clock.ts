/** When tests take place, where they do not say otherwise. */
export const START = new Date('2026-01-01T00:00:00Z');

export interface FixedClock {
  now(this: void): Date;
  /** Milliseconds, forward or back. */
  advance(this: void, millis: number): void;
}

/** A clock that stands still until it is told to move. */
export function createFixedClock(start: Date = START): FixedClock {
  let at = start.getTime();
  return {
    now: () => new Date(at),
    advance: (millis) => {
      at += millis;
    },
  };
}
