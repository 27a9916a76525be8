import { type Fault, type Result, fail, ok } from '@sekimori/result';

/** JSON with integers only: a fraction has too many spellings to be hashed. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

const MAX_DEPTH = 64;

/**
 * The one text of a value: RFC 8785 (names sorted by UTF-16 code units, no white space), for null, booleans, safe
 * integers, well-formed strings, arrays and plain objects. Everything else throws a TypeError: a class instance (so no
 * `Secret`, Date or byte array gets in by accident), undefined, a fraction, a hole, a lone surrogate.
 */
export function canonicalJson(value: JsonValue): string {
  const outcome = checkedJson(value);
  if (outcome.ok) return outcome.value;
  throw new TypeError(`not canonical JSON at ${outcome.fault.at}: ${outcome.fault.detail}`);
}

/** As `canonicalJson`, for a value that came from outside: `not-canonical` names the place and what stands there. */
export function checkedJson(value: unknown): Result<string, Fault<'not-canonical'>> {
  try {
    return ok(write(value, '$', 0));
  } catch (stop) {
    if (stop instanceof NotCanonical) return fail('not-canonical', stop.detail, { at: stop.place });
    throw stop;
  }
}

function write(value: unknown, place: string, depth: number): string {
  if (value === null || value === true || value === false) return String(value);
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return String(value); // -0 becomes 0, as in RFC 8785
    throw new NotCanonical('a number that is not a safe integer', place);
  }
  if (typeof value === 'string') return quoted(value, place);
  if (typeof value !== 'object') throw new NotCanonical(typeof value, place);
  if (depth === MAX_DEPTH) throw new NotCanonical(`nested deeper than ${MAX_DEPTH}`, place);
  if (Array.isArray(value))
    return `[${Array.from(value, (item, index) => write(item, `${place}[${index}]`, depth + 1)).join(',')}]`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new NotCanonical('a class instance', place);
  if (Object.getOwnPropertySymbols(value).length > 0) throw new NotCanonical('a symbol as name', place);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members
    .map(([name, member]) => `${quoted(name, place)}:${write(member, `${place}.${name}`, depth + 1)}`)
    .join(',')}}`;
}

function quoted(text: string, place: string): string {
  if (!text.isWellFormed()) throw new NotCanonical('a lone surrogate', place);
  return JSON.stringify(text);
}

/** Ends the walk; never leaves this file. */
class NotCanonical {
  readonly detail: string;
  readonly place: string;
  constructor(detail: string, place: string) {
    this.detail = detail;
    this.place = place;
  }
}
