/** Numbers that follow from a seed, the same on every machine: mulberry32. Not for secrets. */
export interface Sequence {
  /** A whole number of 0 to `limit` - 1; 0 for a limit below 2. */
  below(this: void, limit: number): number;
}

export function sequence(seed: number): Sequence {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return { below: (limit) => (limit < 2 ? 0 : next() % limit) };
}

/** A seed of its own for each target, so that it sees the same bytes alone and among others. */
export function seedOf(seed: number, name: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
