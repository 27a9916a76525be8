import { fromHex, lengthPrefixed, toHex, utf8 } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { type Checkpoint, EMPTY_LOG } from './checkpoint.ts';
import { type AuditDraft, type AuditEntry, entryContent } from './entry.ts';

/** All that the log needs of the crypto port. */
export type Hashing = Pick<Crypto, 'hash'>;

/**
 * Each fault names the first broken index in `at`.
 * `log-gap`: an entry is missing, doubled or out of order. `log-altered`: an entry is not what its hash was made over, or
 * does not follow the one before. `log-truncated`: the log ends before the kept checkpoint. `log-rewritten`: a sound
 * chain, but not the one that the kept checkpoint was taken from.
 */
export type LogFault = Fault<'log-gap' | 'log-altered' | 'log-truncated' | 'log-rewritten'>;

/** The entry that follows `head`. Throws a TypeError for a draft that is not as documented: a bug of the caller. */
export function appendTo(crypto: Hashing, head: Checkpoint, draft: AuditDraft): AuditEntry {
  const { at, kind, actor, subject, traceId, body } = draft;
  const entry = {
    index: head.index + 1,
    at: at.toISOString(),
    kind,
    actor,
    subject,
    ...(traceId === undefined ? {} : { traceId }),
    body,
  };
  const content = entryContent(entry);
  if (content === undefined) throw new TypeError(`an audit draft is not as documented: ${kind}`);
  return { ...entry, hash: entryHash(crypto, head.hash, content) };
}

/**
 * Checks that `entries` follow `from` without a break, and gives the new head. `from` is the empty log unless given, so
 * without it the entries must start at index 1. With `to`, a checkpoint kept from earlier, they must also run through it.
 * Alteration and gaps show by the chain alone; truncation and rewriting only to whoever kept a checkpoint.
 */
export function verifyEntries(
  crypto: Hashing,
  entries: Iterable<AuditEntry>,
  known: { readonly from?: Checkpoint; readonly to?: Checkpoint } = {},
): Result<Checkpoint, LogFault> {
  const { from = EMPTY_LOG, to } = known;
  let head = from;
  let met = to === undefined || to.index === from.index;
  if (to?.index === from.index && to.hash !== from.hash) return rewritten(to);
  for (const entry of entries) {
    const next = verifyNext(crypto, head, entry);
    if (!next.ok) return next;
    head = next.value;
    if (head.index !== to?.index) continue;
    if (head.hash !== to.hash) return rewritten(to);
    met = true;
  }
  return met ? ok(head) : broken('log-truncated', head.index + 1, `a checkpoint of index ${to?.index} was kept`);
}

function rewritten(kept: Checkpoint): { readonly ok: false; readonly fault: LogFault } {
  return broken('log-rewritten', kept.index, 'the checkpoint that was kept has another hash');
}

function verifyNext(crypto: Hashing, head: Checkpoint, entry: AuditEntry): Result<Checkpoint, LogFault> {
  const index = head.index + 1;
  if (entry.index !== index) return broken('log-gap', index, `index ${entry.index} stands in its place`);
  const content = entryContent(entry);
  if (content === undefined || entryHash(crypto, head.hash, content) !== entry.hash)
    return broken('log-altered', index, 'the hash does not fit the entry and the one before');
  return ok({ index, hash: entry.hash });
}

/** SHA-256( lv("sekimori-1 audit") || lv(previous hash) || lv(canonical entry) ), lv(x) = u32be(length) || x. */
function entryHash(crypto: Hashing, previous: string, content: string): string {
  const parts = lengthPrefixed(utf8('sekimori-1 audit'), fromHex(previous) ?? new Uint8Array(0), utf8(content));
  return toHex(crypto.hash('sha256', parts));
}

function broken(
  code: LogFault['code'],
  index: number,
  detail: string,
): { readonly ok: false; readonly fault: LogFault } {
  return fail(code, `entry ${index}: ${detail}`, { at: String(index) });
}
