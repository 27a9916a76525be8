import type { Effort, Failure, Limits, Outcome } from './loop.ts';
import type { Target } from './target.ts';

/** What a lane's process is asked for. */
export type Request =
  | { readonly do: 'list'; readonly file: string }
  | { readonly do: 'fuzz'; readonly target: Target; readonly effort: Effort }
  | { readonly do: 'try'; readonly target: Target; readonly input: Uint8Array; readonly limits: Limits };

/** What it answers, once for each request. */
export type Answer =
  | { readonly is: 'targets'; readonly targets: readonly Target[] }
  | { readonly is: 'outcome'; readonly outcome: Outcome }
  | { readonly is: 'tried'; readonly failure?: Failure };

/** The file through which a process tells what it does: a number that grows with each input, its length, the input. */
export const NOTE_HEADER = 8;
