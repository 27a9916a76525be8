import { fromUtf8 } from '@sekimori/bytes';
import { type Fault, type Result, fail, ok } from '@sekimori/result';

const MAX_DEPTH = 32;
const REFUSED_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * RFC 8259 with what it leaves open closed: well-formed UTF-8 and Unicode, each key once in an object, nesting of at most 32, and no
 * key that touches prototypes. The caller bounds the length.
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

/** Nesting, keys and lone surrogates only; what is not JSON at all is left to the parser. One pass over the text. */
function scan(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []; // the keys of each open object; undefined for an array
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        if (open.length === MAX_DEPTH) return `nested deeper than ${MAX_DEPTH}`;
        open.push(text[at] === '{' ? new Set() : undefined);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const end = endOfString(text, at);
        // RFC 7493 section 2.1: nothing that such a text goes into (a hash, a database, UTF-8) can hold it.
        if (hasLoneSurrogate(text.slice(at, end + 1))) return 'not well-formed Unicode';
        const keys = open.at(-1);
        COLON.lastIndex = end + 1;
        if (keys && COLON.test(text)) {
          const key = textOf(text.slice(at, end + 1));
          if (key === undefined || REFUSED_KEYS.has(key)) return 'a key that no field has';
          if (keys.has(key)) return 'a key stands twice in one object';
          keys.add(key);
        }
        at = end;
        break;
      }
    }
  }
  return undefined;
}

const COLON = /[ \t\r\n]*:/y;

/** Where the closing quote stands, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes++;
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
