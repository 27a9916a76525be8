import { fromUtf8 } from '@sekimori/bytes';
import { type Fault, type Result, fail, ok } from '@sekimori/result';

/** What a document may hold, whatever its length: the work on it grows with these, not with its bytes alone. */
export const JSON_LIMITS = { depth: 32, keys: 256, values: 16_384 } as const;
const REFUSED_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * RFC 8259 with what it leaves open closed: well-formed UTF-8 and Unicode, each key once in an object, no key that touches
 * prototypes, nesting, keys of an object and values of the document within `JSON_LIMITS`. The caller bounds the length.
 */
export function readJson(bytes: Uint8Array): Result<unknown, Fault<'malformed-json'>> {
  const text = fromUtf8(bytes);
  if (text === undefined) return fail('malformed-json', 'not well-formed UTF-8');
  const trouble = scan(text);
  if (trouble !== undefined) return fail('malformed-json', trouble);
  try {
    return ok(JSON.parse(text));
  } catch {
    return fail('malformed-json', 'not well-formed JSON'); // the parser's own words would quote the input
  }
}

/**
 * A document for stdout, which may be a terminal: what could steer one, or turn its text round, is escaped. It parses to the same
 * as what JSON.stringify writes. `indent` is in spaces.
 */
export function terminalJson(document: unknown, indent = 0): string {
  // JSON.stringify escapes U+0000 to U+001F and lone surrogates alone. The line feeds that are left are its own.
  return JSON.stringify(document, null, indent).replaceAll(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

const [QUOTE, COMMA, COLON, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5c] as const;
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d] as const;

/**
 * Bounds, keys and lone surrogates only; what is not JSON at all is left to the parser. One pass over the text, which ends at
 * the first trouble.
 */
function scan(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []; // the keys of each open object; undefined for an array
  let values = 1; // each further one follows a comma or opens a list or an object
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      const quoted = text.slice(at, end + 1);
      // RFC 7493 section 2.1: nothing that such a text goes into (a hash, a database, UTF-8) can hold it.
      if (hasLoneSurrogate(quoted)) return 'not well-formed Unicode';
      at = end;
      const keys = open.at(-1);
      if (!keys) continue;
      const next = afterSpace(text, end + 1);
      if (text.charCodeAt(next) !== COLON) continue;
      const key = textOf(quoted);
      if (key === undefined || REFUSED_KEYS.has(key)) return 'a key that no field has';
      if (keys.has(key)) return 'a key stands twice in one object';
      if (keys.size === JSON_LIMITS.keys) return `an object of more than ${JSON_LIMITS.keys} keys`;
      keys.add(key);
      at = next;
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      if (open.length === JSON_LIMITS.depth) return `nested deeper than ${JSON_LIMITS.depth}`;
      open.push(code === OPEN_OBJECT ? new Set() : undefined);
      values++;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) open.pop();
    else if (code === COMMA) values++;
    if (values > JSON_LIMITS.values) return `more than ${JSON_LIMITS.values} values`;
  }
  return undefined;
}

const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

function afterSpace(text: string, start: number): number {
  let at = start;
  while (SPACE.has(text.charCodeAt(at))) at++;
  return at;
}

/** Where the closing quote stands, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

/** Well-formed UTF-8 has none but by escapes. */
function hasLoneSurrogate(quoted: string): boolean {
  return /\\u[dD][89a-fA-F]/.test(quoted) && textOf(quoted)?.isWellFormed() === false;
}

function textOf(quoted: string): string | undefined {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}
