import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Lane, type LaneOptions } from './lane.ts';
import { type Effort, type Failure, type FailureKind, type Limits, LIMITS } from './loop.ts';
import { shrink } from './shrink.ts';
import { idOf, isWanted, type Target } from './target.ts';

export interface RunOptions {
  readonly files: readonly string[];
  /** Identifiers, or the first parts of them; empty: all. */
  readonly wanted: readonly string[];
  readonly seed: number;
  /** For all targets together, or inputs for each. */
  readonly effort: { readonly seconds: number } | { readonly executions: number };
  /** A folder of inputs to start from, beside those that targets name. */
  readonly corpus?: string;
  /** Processes at a time. */
  readonly lanes: number;
  /** Where inputs that fail are written. */
  readonly findings: string;
  readonly limits?: Limits;
  readonly lane?: Partial<LaneOptions>;
  /** How long one finding may be made smaller. */
  readonly shrinkMillis?: number;
  readonly onResult?: (result: TargetResult) => void;
}

interface Finding {
  readonly target: string;
  readonly kind: FailureKind;
  readonly detail: string;
  /** The input as it was found, and as small as it could be made. */
  readonly bytes: number;
  readonly file: string;
  /** Of a short one. */
  readonly hex?: string;
  /** Whether it failed once more when tried again. */
  readonly again: boolean;
  readonly repeat: string;
}

export interface TargetResult {
  readonly target: string;
  readonly executions: number;
  readonly perSecond: number;
  /** Inputs that reached something new. */
  readonly fresh: number;
  readonly finding?: Finding;
}

const LANE: LaneOptions = { heapMib: 768, coverage: true };
const TURNS = 3;
const LONGEST_HEX_BYTES = 256;
const SHRINK_TRIES = 3000;
const SHRINK_MILLIS = 15_000;

/** Every wanted target, in as many processes as asked for. Throws when nothing is wanted. */
export async function run(options: RunOptions): Promise<readonly TargetResult[]> {
  const { effort, limits = LIMITS } = options;
  const end = 'seconds' in effort ? performance.now() + 1000 * effort.seconds : 0;
  const lanes = Array.from({ length: options.lanes }, () => new Lane({ ...LANE, ...options.lane }));
  const results: TargetResult[] = [];
  const done = (result: TargetResult) => {
    results.push(result);
    options.onResult?.(result);
  };
  try {
    const targets: Target[] = [];
    await inLanes(
      lanes,
      options.files.filter((file) => isWanted(idOf(file), options.wanted)),
      async (lane, file) => {
        const listed = await lane.list(file);
        if (!('kind' in listed)) return targets.push(...listed.filter(({ id }) => isWanted(id, options.wanted)));
        const target = { id: idOf(file), file, name: undefined };
        return done({
          target: target.id,
          executions: 0,
          perSecond: 0,
          fresh: 0,
          finding: written(target, listed, false, options),
        });
      },
    );
    if (targets.length + results.length === 0) throw new RangeError(`no target is called ${options.wanted.join(', ')}`);
    targets.sort((a, b) => (a.id < b.id ? -1 : 1));
    let left = targets.length;
    await inLanes(lanes, targets, async (lane, target) => {
      const share = Math.max(10, (end - performance.now()) / Math.ceil(left-- / lanes.length));
      const own = {
        ...('seconds' in effort ? { millis: share } : { executions: effort.executions }),
        ...(options.corpus === undefined ? {} : { corpus: options.corpus }),
      };
      done(await turnOf(lane, target, { seed: options.seed, limits, ...own }, options));
    });
  } finally {
    await Promise.all(lanes.map((lane) => lane.end()));
  }
  return results.toSorted((a, b) => (a.target < b.target ? -1 : 1));
}

/** Each lane takes the next item when it is free. */
async function inLanes<T>(
  lanes: readonly Lane[],
  items: readonly T[],
  work: (lane: Lane, item: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (lane: Lane) => {
    while (next < items.length) await work(lane, items[next++] as T);
  };
  await Promise.all(lanes.map(worker));
}

async function turnOf(lane: Lane, target: Target, effort: Effort, options: RunOptions): Promise<TargetResult> {
  for (let turn = 1; ; turn++) {
    const { executions, millis, fresh, failure } = await lane.fuzz(target, effort);
    const finding = failure && (await findingOf(lane, target, failure, effort.limits, options));
    // A busy machine's delay cost the target its turn.
    if (failure && !finding && turn < TURNS) continue;
    const perSecond = Math.round((1000 * executions) / Math.max(millis, 1));
    return { target: target.id, executions, perSecond, fresh, ...(finding ? { finding } : {}) };
  }
}

/** Tries it again, and makes it smaller where it fails again. Undefined for a delay that does not come back: a busy machine. */
async function findingOf(
  lane: Lane,
  target: Target,
  failure: Failure,
  limits: Limits,
  options: RunOptions,
): Promise<Finding | undefined> {
  if (failure.kind === 'load') return written(target, failure, false, options);
  const retry = async (input: Uint8Array): Promise<Failure | undefined> => {
    // Buffers of earlier inputs may go while new ones come: only a new process shows what one input takes.
    if (failure.kind === 'memory') await lane.restart();
    return lane.try(target, input, limits);
  };
  const again = await retry(failure.input);
  if (!again) return failure.kind === 'hang' ? undefined : written(target, failure, false, options);
  const input = await shrink(
    failure.input,
    async (candidate) => {
      const other = await retry(candidate);
      return other !== undefined && isSame(other, again);
    },
    { tries: SHRINK_TRIES, until: performance.now() + (options.shrinkMillis ?? SHRINK_MILLIS) },
  );
  return written(target, { ...again, input }, true, options);
}

/** Of one kind, and thrown at one place. */
function isSame(a: Failure, b: Failure): boolean {
  return a.kind === b.kind && (a.kind !== 'throw' || placeOf(a.detail) === placeOf(b.detail));
}

function placeOf(stack: string): string {
  return stack.split('\n').find((line) => /^\s+at /.test(line)) ?? stack;
}

function written(target: Target, { kind, detail, input }: Failure, again: boolean, options: RunOptions): Finding {
  const hash = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const file = join(options.findings, `${target.id.replaceAll('/', '-')}-${kind}-${hash}.bin`);
  mkdirSync(options.findings, { recursive: true });
  writeFileSync(file, input);
  const shown = relative('.', file).startsWith('..') ? file : relative('.', file);
  const hex = input.length <= LONGEST_HEX_BYTES ? { hex: Buffer.from(input).toString('hex') } : {};
  const repeat = `npm run fuzz -- --target ${target.id} --input ${shown}`;
  return { target: target.id, kind, detail, bytes: input.length, file: shown, ...hex, again, repeat };
}

/** Runs files instead of made-up inputs: what `repeat` does. */
export async function tryFiles(
  files: readonly string[],
  id: string,
  inputs: readonly Uint8Array[],
  limits: Limits = LIMITS,
): Promise<readonly (Failure | undefined)[]> {
  const lane = new Lane({ ...LANE, coverage: false });
  try {
    for (const file of files.filter((each) => isWanted(idOf(each), [id]))) {
      const listed = await lane.list(file);
      if ('kind' in listed) return [listed];
      const target = listed.find((each) => each.id === id);
      if (!target) continue;
      const failures: (Failure | undefined)[] = [];
      for (const input of inputs) failures.push(await lane.try(target, input, limits));
      return failures;
    }
  } finally {
    await lane.end();
  }
  throw new RangeError(`no target is called ${id}`);
}
