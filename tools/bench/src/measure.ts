import type { Case } from './case.ts';

/** One row of the result. Micros: of one operation, as its caller sees it. */
export interface Measurement {
  readonly name: string;
  readonly opsPerSecond: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** Its rate divided by the rate of its bare node:crypto operations: 1 is the limit. */
  readonly ratioToOpenSsl: number;
}

export interface Effort {
  /** For one case, preparation not counted. */
  readonly millis: number;
  /** For one batch: short, so that subject and base see the same machine, and long enough for the timer. */
  readonly batchMillis: number;
  /** At least this many batches of each, whatever the time. */
  readonly rounds: number;
}

/**
 * Subject and base take turns in small batches, so that whatever else the machine does slows both alike; the ratio is the
 * median of the turns' ratios, and the rate that of the median batch.
 */
export async function measure(each: Case, effort: Effort): Promise<Omit<Measurement, 'name'>> {
  const concurrency = each.concurrency ?? 1;
  const samples: number[] = [];
  const timeSubjects = async (operations: number): Promise<number> => {
    await each.prepare?.(operations);
    const start = performance.now();
    for (let done = 0; done < operations; done += concurrency)
      await together(Math.min(concurrency, operations - done), each.subject, samples);
    return performance.now() - start;
  };
  const timeBases = (operations: number): number => {
    const start = performance.now();
    for (let done = 0; done < operations; done++) each.base();
    return performance.now() - start;
  };
  const subjects = await operationsIn(effort, concurrency, timeSubjects);
  const bases = await operationsIn(effort, 1, timeBases);
  samples.length = 0;

  const [subjectMicros, ratios]: [number[], number[]] = [[], []];
  for (let spent = 0; spent < effort.millis || ratios.length < effort.rounds; ) {
    const before = timeBases(bases);
    const subject = await timeSubjects(subjects);
    const after = timeBases(bases);
    const micros = (1000 * subject) / subjects;
    subjectMicros.push(micros);
    ratios.push((1000 * (before + after)) / (2 * bases) / micros);
    spent += before + subject + after;
  }
  return {
    opsPerSecond: rounded(1e6 / quantile(subjectMicros, 0.5), 1),
    p50Micros: rounded(quantile(samples, 0.5), 1),
    p99Micros: rounded(quantile(samples, 0.99), 1),
    ratioToOpenSsl: rounded(quantile(ratios, 0.5), 3),
  };
}

async function together(count: number, subject: () => unknown, samples: number[]): Promise<void> {
  const one = async (): Promise<void> => {
    const start = performance.now();
    await subject();
    samples.push(1000 * (performance.now() - start));
  };
  if (count === 1) await one();
  else await Promise.all(Array.from({ length: count }, one));
}

/** Warms up, and finds how many operations make a batch: a multiple of `step`. */
async function operationsIn(
  { batchMillis }: Effort,
  step: number,
  time: (operations: number) => number | Promise<number>,
): Promise<number> {
  let operations = step;
  for (;;) {
    const millis = await time(operations);
    if (millis >= batchMillis) return operations;
    operations = Math.max(
      operations + step,
      Math.min(2 * operations, step * Math.ceil((operations * batchMillis) / millis / step)),
    );
  }
}

/** The value that the part `q` of the values does not exceed. */
function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
