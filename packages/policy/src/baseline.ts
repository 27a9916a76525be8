import { type AcceptedLog, LOG_LIMITS } from '@sekimori/event-log';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { hashLength, HASHES, type HashName } from '@sekimori/crypto-core';
import { BASELINE_PCRS, type BootRecord, bootRecordOf, MINIMUM_PCRS, type RecordedEvent } from './boot-record.ts';
import { diffBoots, differingPcrs, type PcrDifference, sharedEvents } from './difference.ts';
import { ParseError, type Parsed, parseObject } from './parse.ts';
import type { QuotedBoot } from './rule.ts';

export const BASELINE_SCHEMA = 'sekimori-baseline/1';

/** A boot that was approved: a Reference Value. Plain JSON; `parseBaseline` reads it back. */
export interface Baseline extends BootRecord {
  readonly schema: typeof BASELINE_SCHEMA;
  /** Letters, digits, `.`, `_`, `-`; 64 at most. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** When it was taken: ISO 8601, UTC. */
  readonly at: string;
}

export interface BaselineLabel {
  readonly id: string;
  readonly name: string;
  readonly at: Date;
}

/**
 * A baseline of all PCRs 0 to 9 and 11 to 14 that were quoted.
 *
 * Faults: `baseline-other-quote`, the log was accepted for another quote; `baseline-incomplete`, the quote leaves out a PCR
 * that every baseline names; `baseline-malformed`, the label would not be read back.
 */
export function captureBaseline(
  log: AcceptedLog,
  quote: QuotedBoot,
  label: BaselineLabel,
): Result<Baseline, Fault<'baseline-other-quote' | 'baseline-incomplete' | 'baseline-malformed'>> {
  if (!log.explains(quote)) return fail('baseline-other-quote', 'the log was accepted for another quote');
  const missing = MINIMUM_PCRS.filter((pcr) => !log.indices.includes(pcr));
  if (missing.length > 0) return fail('baseline-incomplete', `PCRs ${missing.join(', ')} are not quoted`);
  const at = Number.isNaN(label.at.getTime()) ? '' : label.at.toISOString();
  return parseBaseline({ schema: BASELINE_SCHEMA, id: label.id, name: label.name, at, ...bootRecordOf(log) });
}

/** How a boot differs from a baseline, in words and values; empty when it is that boot. */
export function diffBaseline(baseline: Baseline, boot: AcceptedLog | Baseline): readonly PcrDifference[] {
  return diffBoots(baseline, 'schema' in boot ? boot : bootRecordOf(boot));
}

export interface Nearest {
  readonly baseline: Baseline;
  readonly differences: readonly PcrDifference[];
}

/** The baseline with the fewest PCRs that differ, then the most measurements in common, then the first id. */
export function nearestBaseline(baselines: readonly Baseline[], boot: AcceptedLog): Nearest | undefined {
  const record = bootRecordOf(boot);
  const ranked = baselines.map((baseline) => {
    const pcrs = differingPcrs(baseline, record);
    return { baseline, differing: pcrs.length, shared: sharedEvents(baseline, record, pcrs) };
  });
  const [nearest] = ranked.toSorted(
    (a, b) =>
      a.differing - b.differing ||
      b.shared - a.shared ||
      (a.baseline.id < b.baseline.id ? -1 : Number(a.baseline.id > b.baseline.id)),
  );
  return nearest && { baseline: nearest.baseline, differences: diffBoots(nearest.baseline, record) };
}

/** Strict: every field, no other field, bounded, PCRs and digests of the bank's width, and at least MINIMUM_PCRS. */
export function parseBaseline(value: unknown): Result<Baseline, Fault<'baseline-malformed'>> {
  try {
    return ok(readBaseline(parseObject(value, 'baseline', ['schema', 'id', 'name', 'at', 'bank', 'pcrs', 'events'])));
  } catch (error) {
    if (error instanceof ParseError) return fail('baseline-malformed', error.detail, { at: error.at });
    throw error;
  }
}

function readBaseline(from: Parsed): Baseline {
  from.literal('schema', [BASELINE_SCHEMA]);
  const bank = from.literal('bank', Object.keys(HASHES).filter((name) => name !== 'sha1') as HashName[]);
  const digits = new RegExp(`^[0-9a-f]{${2 * hashLength(bank)}}$`);
  const values = from.object('pcrs', BASELINE_PCRS.map(String), MINIMUM_PCRS.map(String));
  const pcrs: Record<string, string> = {};
  for (const pcr of values.keys) pcrs[pcr] = values.text(pcr, digits);
  let last = -1;
  const events = from
    .list('events', LOG_LIMITS.events, ['index', 'pcr', 'type', 'digest', 'description'])
    .map((event) => {
      const recorded: RecordedEvent = {
        index: event.integer('index', last + 1, LOG_LIMITS.events),
        pcr: event.integer('pcr', 0, LOG_LIMITS.pcrs - 1),
        type: event.text('type', /^[0-9A-Za-z_]{1,64}$/),
        digest: event.text('digest', digits),
        description: event.text('description', /^[^\p{C}\p{Zl}\p{Zp}]{0,240}$/u),
      };
      if (!(recorded.pcr in pcrs)) event.refuse('pcr', 'the baseline names no such PCR');
      last = recorded.index;
      return recorded;
    });
  return {
    schema: BASELINE_SCHEMA,
    id: from.text('id', /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
    name: from.text('name', /^[^\p{C}\p{Zl}\p{Zp}]{1,200}$/u),
    at: from.time('at'),
    bank,
    pcrs,
    events,
  };
}
