import { type Fault, type Result, fail, ok } from '@sekimori/result';

/** A point of the log: the hash stands for the entry of that index and all before it. Whoever keeps one can check later. */
export interface Checkpoint {
  /** 0 before the first entry. */
  readonly index: number;
  /** SHA-256, 64 lower-case hex digits. */
  readonly hash: string;
}

/** The head of a log without entries. */
export const EMPTY_LOG: Checkpoint = { index: 0, hash: '00'.repeat(32) };

/** `INDEX:HEX`, for example `17:9f2c…`. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  return `${checkpoint.index}:${checkpoint.hash}`;
}

/** The inverse of `formatCheckpoint`: each checkpoint has one text. `malformed-checkpoint` for any other. */
export function parseCheckpoint(text: string): Result<Checkpoint, Fault<'malformed-checkpoint'>> {
  const [, digits = '', hash = ''] = /^(0|[1-9][0-9]{0,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  const index = Number(digits);
  if (hash === '' || !Number.isSafeInteger(index))
    return fail('malformed-checkpoint', 'a checkpoint is INDEX:HEX, with 64 lower-case hex digits');
  if (index === 0 && hash !== EMPTY_LOG.hash)
    return fail('malformed-checkpoint', 'index 0 stands for the empty log, whose hash is all zeros');
  return ok({ index, hash });
}
