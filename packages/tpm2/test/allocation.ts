import { getHeapStatistics } from 'node:v8';

const RUNS = 8;

/**
 * Bytes allocated by `work`, on the heap and in buffers, also those that are garbage by its end: the difference of what is in
 * use, as V8 tells it to the byte. Code that it compiles meanwhile counts too, and a collection meanwhile makes the difference
 * negative, so the least of a few runs that is none is the work's own. Ends early when it is `enough`.
 */
export function allocatedBy(work: () => void, enough: number): number {
  let least = Infinity;
  for (let run = 0; run < RUNS && least > enough; run++) {
    const before = inUse();
    work();
    const bytes = inUse() - before;
    if (bytes >= 0) least = Math.min(least, bytes);
  }
  return least;
}

function inUse(): number {
  const { used_heap_size: heap, external_memory: buffers } = getHeapStatistics();
  return heap + buffers;
}
