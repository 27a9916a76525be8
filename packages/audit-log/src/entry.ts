import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { type JsonValue, canonicalJson, checkedJson } from './canonical.ts';

/** What a caller says of a decision. The log adds index and hash. */
export interface AuditDraft {
  readonly at: Date;
  /** What happened: lower-case words with dots between, for example 'host.approved'. At most 64 characters. */
  readonly kind: string;
  /** Who did it, for example 'admin:alice' or 'host:2f1c…'. 1 to 256 characters. */
  readonly actor: string;
  /** What it was done to. 1 to 256 characters. */
  readonly subject: string;
  /** The id under which host and operator talk about one request. */
  readonly traceId?: string;
  /** Never holds a secret. At most 1 MiB as canonical JSON: who puts findings in cuts them first. */
  readonly body: JsonValue;
}

/** One line of the log, as stored, shown and hashed. */
export interface AuditEntry {
  /** 1 for the first, then one more for each. */
  readonly index: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly at: string;
  readonly kind: string;
  readonly actor: string;
  readonly subject: string;
  readonly traceId?: string;
  readonly body: JsonValue;
  /** Over this entry and the hash before it: see `entryHash`. 64 lower-case hex digits. */
  readonly hash: string;
}

const KIND = /^(?=.{3,64}$)[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/;
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;
const MAX_NAME = 256;
const MAX_BODY = 2 ** 20;
const MEMBERS = new Set(['index', 'at', 'kind', 'actor', 'subject', 'traceId', 'body', 'hash']);

/** The bytes' text that is hashed: all of the entry but its own hash. Undefined when a member is not as documented. */
export function entryContent(entry: Omit<AuditEntry, 'hash'>): string | undefined {
  const { index, at, kind, actor, subject, traceId, body } = entry;
  if (!Number.isSafeInteger(index) || index < 1 || !isTime(at)) return undefined;
  if (typeof kind !== 'string' || !KIND.test(kind) || !isName(actor) || !isName(subject)) return undefined;
  if (traceId !== undefined && !isName(traceId)) return undefined;
  const text = checkedJson({ index, at, kind, actor, subject, ...(traceId === undefined ? {} : { traceId }), body });
  return text.ok && text.value.length <= MAX_BODY ? text.value : undefined;
}

/** One line of an exported log: canonical JSON, the hash with it. */
export function formatEntry(entry: AuditEntry): string {
  return canonicalJson({ ...entry });
}

/** The inverse of `formatEntry`; no other text of an entry is taken. Says nothing of the hash: `verifyEntries` does. */
export function parseEntry(line: string): Result<AuditEntry, Fault<'malformed-entry'>> {
  if (line.length > MAX_BODY + 128) return fail('malformed-entry', 'longer than an entry can be');
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return fail('malformed-entry', 'not JSON');
  }
  if (typeof value !== 'object' || value === null || !('hash' in value)) return fail('malformed-entry', 'no hash');
  if (Object.keys(value).some((name) => !MEMBERS.has(name))) return fail('malformed-entry', 'an unknown member');
  const entry = value as AuditEntry;
  if (typeof entry.hash !== 'string' || !/^[0-9a-f]{64}$/.test(entry.hash))
    return fail('malformed-entry', 'the hash is not 64 lower-case hex digits');
  if (entryContent(entry) === undefined) return fail('malformed-entry', 'a member is missing or not as documented');
  if (formatEntry(entry) !== line) return fail('malformed-entry', 'not in canonical form');
  return ok(entry);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME;
}

function isTime(value: unknown): boolean {
  if (typeof value !== 'string' || !TIME.test(value)) return false;
  const time = new Date(value);
  return !Number.isNaN(time.getTime()) && time.toISOString() === value; // the 30th of February is not a day
}
