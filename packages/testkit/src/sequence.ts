/** Numbers from 0 to below `limit`, which follow from a seed, the same on every machine: mulberry32. 0 for a limit below 2. Not for secrets. */
export function sequence(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return limit < 2 ? 0 : ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
