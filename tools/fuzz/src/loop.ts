import { getHeapStatistics } from 'node:v8';
import { type Material, mutate } from './mutate.ts';
import { sequence } from './sequence.ts';
import type { Fuzz } from './target.ts';

export interface Limits {
  /** For one input. */
  readonly millis: number;
  /** Bytes allocated for one input, beside `perByte` for each of its bytes; not what is held at a time, which is less. */
  readonly allocation: number;
  readonly perByte: number;
}

export const LIMITS: Limits = { millis: 2000, allocation: 64 << 20, perByte: 16 << 10 };

export interface Effort {
  readonly seed: number;
  /** Ends after as many inputs, or as much time. */
  readonly executions?: number;
  readonly millis?: number;
  readonly limits: Limits;
  /** A folder of more inputs to start from. */
  readonly corpus?: string;
}

export type FailureKind = 'throw' | 'hang' | 'memory' | 'crash' | 'load';

export interface Failure {
  readonly kind: FailureKind;
  readonly detail: string;
  readonly input: Uint8Array;
}

export interface Outcome {
  readonly executions: number;
  readonly millis: number;
  /** Inputs that ran a block, or led to a place, where none before them had been. */
  readonly fresh: number;
  readonly failure?: Failure;
}

interface Surroundings {
  readonly seeds: readonly Uint8Array[];
  readonly words: readonly Uint8Array[];
  /** How many blocks of the code under test have run; 0 where nobody counts. */
  readonly blocks: () => number;
  /** Told each input before it is tried: for who may have to kill the process and wants to know why. */
  readonly before: (input: Uint8Array) => void;
}

const LONGEST = 4096;
const MOST_PLACES = 10_000;

/** Tries inputs until time or number is up, or one fails. The same seed tries the same inputs. */
export async function fuzzTarget(fuzz: Fuzz, effort: Effort, around: Surroundings): Promise<Outcome> {
  const random = sequence(effort.seed);
  const start = around.seeds.length > 0 ? around.seeds : [0, 1, 16, 64, 256].map((length) => new Uint8Array(length));
  const corpus: Uint8Array[] = start.map((seed) => Uint8Array.from(seed));
  const longest = corpus.reduce((length, seed) => Math.max(length, seed.length), 0);
  const material: Material = { corpus, words: around.words, maxLength: Math.max(LONGEST, 2 * longest) };
  const places = new Set<string>();
  const attempt = createAttempt(fuzz, effort.limits);
  const began = performance.now();
  const [most, end] = [effort.executions ?? Infinity, began + (effort.millis ?? Infinity)];
  let [executions, fresh, blocks, now] = [0, 0, around.blocks(), began];
  while (executions < most && now < end) {
    const input =
      executions < start.length
        ? (corpus[executions] as Uint8Array)
        : mutate(random, corpus[choice(random.below, corpus.length)] as Uint8Array, material);
    around.before(input);
    executions++;
    const { failure, place, at } = await attempt(input);
    now = at;
    if (failure) return { executions, millis: now - began, fresh, failure };
    const isNewPlace = place !== undefined && places.size < MOST_PLACES && !places.has(place);
    if (isNewPlace) places.add(place);
    if (around.blocks() === blocks && !isNewPlace) continue;
    blocks = around.blocks();
    fresh++;
    if (executions > start.length) corpus.push(input);
  }
  return { executions, millis: now - began, fresh };
}

/** One input alone. */
export async function tryInput(fuzz: Fuzz, input: Uint8Array, limits: Limits): Promise<Failure | undefined> {
  return (await createAttempt(fuzz, limits)(input)).failure;
}

interface Attempted {
  readonly failure?: Failure;
  readonly place?: string;
  /** By `performance.now`, when it was over. */
  readonly at: number;
}

function createAttempt(fuzz: Fuzz, limits: Limits): (input: Uint8Array) => Promise<Attempted> {
  let [before, external] = allocated();
  return async (input) => {
    const began = performance.now();
    const copy = Uint8Array.from(input);
    const failed = (kind: FailureKind, detail: string) => ({ failure: { kind, detail, input }, at: performance.now() });
    let place: unknown;
    try {
      place = fuzz(copy);
      if (place instanceof Promise) place = await place;
    } catch (thrown) {
      return failed('throw', textOf(thrown));
    }
    if (Buffer.compare(copy, input) !== 0) return failed('throw', 'the input was written to');
    const at = performance.now();
    if (at - began > limits.millis) return failed('hang', `${Math.round(at - began)} ms`);
    const [total, outside] = allocated();
    const bytes = total - before + Math.max(0, outside - external);
    [before, external] = [total, outside];
    if (bytes > limits.allocation + limits.perByte * input.length)
      return failed('memory', `${Math.round(bytes / 2 ** 20)} MiB allocated for ${input.length} bytes`);
    return { at, ...(typeof place === 'string' ? { place } : {}) };
  };
}

/** Bytes, on the heap since the start and in buffers now. An older V8 does not count the first: what is used stands for it. */
function allocated(): readonly [number, number] {
  const statistics: ReturnType<typeof getHeapStatistics> & { readonly total_allocated_bytes?: number } =
    getHeapStatistics();
  return [statistics.total_allocated_bytes ?? statistics.used_heap_size, statistics.external_memory];
}

/** Every other time one of the newest, which are the deepest. */
function choice(below: (limit: number) => number, length: number): number {
  return below(2) === 0 ? below(length) : length - 1 - below(Math.min(length, 16));
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
