/** Ends a reading of untyped JSON; caught by the parse function that began it. */
export class ParseError extends Error {
  readonly detail: string;
  readonly at: string;
  constructor(detail: string, at: string) {
    super(detail);
    this.detail = detail;
    this.at = at;
  }
}

/** An object of known fields. Each reader takes one field and refuses what it does not fit. */
export interface Parsed {
  readonly keys: readonly string[];
  literal<const T extends string | number | boolean>(key: string, allowed: readonly T[]): T;
  text(key: string, pattern: RegExp): string;
  integer(key: string, min: number, max: number): number;
  /** ISO 8601 with milliseconds, UTC. */
  time(key: string): string;
  object(key: string, allowed: readonly string[], required: readonly string[]): Parsed;
  list(key: string, max: number, fields: readonly string[]): readonly Parsed[];
  refuse(key: string, detail: string): never;
}

/** All of `required` and nothing outside `allowed`; prototypes other than those of plain objects are refused. */
export function parseObject(
  value: unknown,
  at: string,
  allowed: readonly string[],
  required: readonly string[] = allowed,
): Parsed {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ParseError('must be an object', at);
  const record = new Map<string, unknown>(Object.entries(value));
  for (const key of record.keys())
    if (!allowed.includes(key)) throw new ParseError('unknown field', `${at}.${short(key)}`);
  for (const key of required) if (!record.has(key)) throw new ParseError('is missing', `${at}.${key}`);
  const refuse = (key: string, detail: string): never => {
    throw new ParseError(detail, `${at}.${key}`);
  };
  const text = (key: string, pattern: RegExp): string => {
    const found = record.get(key);
    return typeof found === 'string' && pattern.test(found) ? found : refuse(key, `must match ${pattern.source}`);
  };
  return {
    keys: [...record.keys()],
    refuse,
    text,
    literal: (key, options) =>
      options.find((option) => option === record.get(key)) ?? refuse(key, `must be one of ${options.join(', ')}`),
    integer: (key, min, max) => {
      const found = record.get(key);
      const fits = typeof found === 'number' && Number.isInteger(found) && found >= min && found <= max;
      return fits ? found : refuse(key, `must be a whole number from ${min} to ${max}`);
    },
    time: (key) => {
      const found = text(key, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const time = new Date(found);
      return !Number.isNaN(time.getTime()) && time.toISOString() === found ? found : refuse(key, 'is no time');
    },
    object: (key, inner, needed) => parseObject(record.get(key), `${at}.${key}`, inner, needed),
    list: (key, max, fields) => {
      const found = record.get(key);
      if (!Array.isArray(found)) return refuse(key, 'must be a list');
      if (found.length > max) return refuse(key, `${found.length} items, at most ${max}`);
      return found.map((item, i) => parseObject(item, `${at}.${key}[${i}]`, fields));
    },
  };
}

function short(key: string): string {
  return JSON.stringify(key.slice(0, 40));
}
