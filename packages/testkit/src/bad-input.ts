import { concat, utf8 } from '@sekimori/bytes';

/** The part of a JSON schema that the wire's schemas use. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
}

/** A route, as far as its input goes. */
export interface InputRoute {
  readonly method: string;
  readonly url: string;
  readonly params?: object;
  readonly query?: object;
  readonly body?: object;
  readonly bodyLimit?: number;
}

/** One request that no service may take, and the problem that must come back. */
export interface BadRequest {
  readonly defect: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly status: number;
  readonly code: string;
}

const MALFORMED = { status: 400, code: 'malformed-request' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** A request of the right form, from the schemas alone. Throws for a pattern that SAMPLES does not know. */
export function goodRequest(route: InputRoute): Pick<BadRequest, 'method' | 'path' | 'headers' | 'body'> {
  const [path, query] = [pathOf(route), queryOf(route)];
  const address = { method: route.method, path: `${path}${query}` };
  return route.body
    ? { ...address, headers: JSON_TYPE, body: json(sampleOf(route.body)) }
    : { ...address, headers: {} };
}

/** What a route must refuse, whatever it is for: each has one thing wrong. */
export function* badRequests(route: InputRoute): Generator<BadRequest> {
  const good = { ...goodRequest(route), ...MALFORMED };
  yield* badAddresses(route);
  if (route.body) yield* badBodies(good, route.body, route.bodyLimit ?? 0);
  else yield { ...good, headers: JSON_TYPE, body: utf8('{}'), defect: 'a body where none is taken' };
  const other = route.method === 'GET' ? 'PUT' : 'DELETE';
  yield { ...good, method: other, defect: `the method ${other}`, status: 405, code: 'method-not-allowed' };
}

function* badAddresses(route: InputRoute): Generator<BadRequest> {
  const good = { ...goodRequest(route), ...MALFORMED };
  const { params, query } = route as { readonly params?: Schema; readonly query?: Schema };
  const plain = pathOf(route);
  yield { ...good, path: `${plain}?unknown=1`, defect: 'an unknown query field' };
  for (const name of Object.keys(params?.properties ?? {}))
    for (const value of ['x', '0', '%2e%2e%2fstatus', '%00', "';--", UUID.toUpperCase(), `${UUID}%20`])
      yield { ...good, path: route.url.replace(`:${name}`, value), defect: `${name} is ${value}` };
  for (const [name, schema] of Object.entries(query?.properties ?? {})) {
    const bad =
      schema.type === 'integer' ? ['-1', '1.5', '1e3', '007', '', 'x'] : ['x'.repeat((schema.maxLength ?? 0) + 1)];
    for (const value of bad) yield { ...good, path: `${plain}?${name}=${value}`, defect: `${name} is ${value}` };
    yield { ...good, path: `${plain}?${name}=1&${name}=1`, defect: `${name} twice` };
  }
}

function* badBodies(good: Omit<BadRequest, 'defect'>, schema: Schema, limit: number): Generator<BadRequest> {
  const bytes = good.body as Uint8Array;
  const text = new TextDecoder().decode(bytes);
  const media = { status: 415, code: 'unsupported-media-type' };
  const { body: _, ...bodiless } = good;
  yield { ...bodiless, headers: {}, defect: 'no body' };
  yield { ...good, body: new Uint8Array(0), defect: 'an empty body' };
  for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/jsonp'])
    yield { ...good, headers: { 'content-type': type }, ...media, defect: `the media type ${type}` };
  yield { ...good, headers: {}, ...media, defect: 'no media type' };
  yield { ...good, headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, ...media, defect: 'a content encoding' };
  for (const length of [1, Math.floor(bytes.length / 2), bytes.length - 1])
    yield { ...good, body: bytes.slice(0, length), defect: `truncated to ${length} bytes` };
  yield { ...good, body: concat(bytes, utf8('}')), defect: 'a byte after the end' };
  yield { ...good, body: concat(bytes, Uint8Array.of(0xff)), defect: 'no UTF-8' };
  yield { ...good, body: concat(utf8('\ufeff'), bytes), defect: 'a byte order mark' };
  const oversized = { status: 413, code: 'body-too-large', defect: 'one byte too long' };
  yield { ...good, body: concat(bytes, utf8(' '.repeat(limit + 1 - bytes.length))), ...oversized };
  for (const root of ['null', '[]', '"x"', '5', 'true', `[${text}]`])
    yield { ...good, body: utf8(root), defect: `${root.slice(0, 10)} for an object` };
  const deep = Math.min(300, Math.floor(limit / 2) - 8);
  yield { ...good, body: utf8(`{"a":${'['.repeat(deep)}${']'.repeat(deep)}}`), defect: 'deep nesting' };
  yield { ...good, body: utf8(`{"__proto__":{},${text.slice(1)}`), defect: '__proto__' };
  const [first = ''] = Object.keys(schema.properties ?? {});
  yield { ...good, body: utf8(`{"${first}":null,${text.slice(1)}`), defect: `${first} twice` };
  for (const [defect, value] of badValues(schema, sampleOf(schema), 'body')) {
    const body = json(value);
    yield body.length > limit ? { ...good, body, ...oversized, defect } : { ...good, body, defect };
  }
}

/** The value with one thing wrong, at every depth. */
function* badValues(schema: Schema, good: unknown, place: string): Generator<readonly [string, unknown]> {
  for (const wrong of [null, 5, 1.5, 'ß', true, [], {}])
    if (!isOfType(schema, wrong)) yield [`${place} is ${JSON.stringify(wrong)}`, wrong];
  if (schema.properties) {
    const object = good as Readonly<Record<string, unknown>>;
    yield [`${place}: an unknown field`, { ...object, unknown: 1 }];
    for (const [name, child] of Object.entries(schema.properties)) {
      const { [name]: value, ...others } = object;
      if (schema.required?.includes(name)) yield [`${place} without ${name}`, others];
      for (const [defect, bad] of badValues(child, value ?? sampleOf(child), `${place}.${name}`))
        yield [defect, { ...others, [name]: bad }];
    }
  }
  if (schema.items) {
    const { minItems = 0, maxItems } = schema;
    const item = sampleOf(schema.items);
    const enough = Array.from({ length: Math.max(1, minItems) }, () => item);
    if (maxItems !== undefined) yield [`${place}: too many`, Array.from({ length: maxItems + 1 }, () => item)];
    if (minItems > 0) yield [`${place}: too few`, enough.slice(1)];
    for (const [defect, bad] of badValues(schema.items, item, `${place}[0]`)) yield [defect, [bad, ...enough.slice(1)]];
  }
  if (schema.type === 'string') yield* badTexts(schema, place);
  if (schema.type === 'integer') {
    if (schema.minimum !== undefined) yield [`${place} is too small`, schema.minimum - 1];
    if (schema.maximum !== undefined) yield [`${place} is too large`, schema.maximum + 1];
  }
}

function* badTexts(schema: Schema, place: string): Generator<readonly [string, unknown]> {
  const { pattern, minLength = 0, maxLength, description } = schema;
  if (maxLength !== undefined) yield [`${place} is too long`, 'A'.repeat(maxLength + 1)];
  if (minLength > 0) yield [`${place} is too short`, 'A'.repeat(minLength - 1)];
  if (pattern === undefined) yield [`${place} is no Unicode`, 'a\ud800'];
  else
    for (const bad of ['../../x', "x'; drop table host;--", '\u0000', 'a b', '\u202e'])
      yield [`${place} is ${JSON.stringify(bad)}`, bad.padEnd(minLength, 'A')];
  if (description !== BASE64URL) return;
  const [shortest, longest] = [minLength || 2, maxLength ?? 4096];
  const length = [0, 1, 2, 3].map((more) => shortest + more).filter((each) => each <= longest);
  for (const each of length) {
    if (each % 4 === 1) yield [`${place} has an impossible length`, 'A'.repeat(each)];
    if (each % 4 >= 2) yield [`${place} is not in its one form`, `${'A'.repeat(each - 1)}B`];
  }
  const standard = `${'A'.repeat(Math.max(0, shortest - 2))}+/`;
  yield [`${place} is base64`, standard];
  yield [`${place} is padded`, `${'A'.repeat(Math.max(2, shortest - 1))}=`];
}

function isOfType(schema: Schema, value: unknown): boolean {
  if (schema.anyOf) return schema.anyOf.some((each) => isOfType(each, value));
  if ('const' in schema) return schema.const === value;
  switch (schema.type) {
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value) && !schema.required?.length;
    case 'array':
      return Array.isArray(value) && !schema.minItems;
    case 'integer':
      return Number.isInteger(value);
    case 'string':
      return typeof value === 'string' && schema.pattern === undefined;
    default:
      return typeof value === schema.type;
  }
}

const BASE64URL = 'base64url without padding';
const UUID = '00000000-0000-4000-8000-00000000000a';
const SAMPLES = ['node1', UUID, 'a'.repeat(64), '53544d20'];

function sampleOf(schema: Schema): unknown {
  if (schema.anyOf) return sampleOf(schema.anyOf[0] as Schema);
  if ('const' in schema) return schema.const;
  switch (schema.type) {
    case 'object': {
      const required = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name));
      return Object.fromEntries(required.map(([name, child]) => [name, sampleOf(child)]));
    }
    case 'array':
      return Array.from({ length: Math.max(1, schema.minItems ?? 0) }, () => sampleOf(schema.items as Schema));
    case 'integer':
      return schema.minimum ?? 0;
    case 'boolean':
      return true;
    default:
      return sampleText(schema);
  }
}

function sampleText({ pattern, minLength = 0, maxLength = 4096 }: Schema): string {
  const zeros = 'A'.repeat(minLength || 4);
  const fits = (text: string) => text.length >= minLength && text.length <= maxLength;
  const found = [zeros, ...SAMPLES].find((text) => fits(text) && new RegExp(pattern ?? '').test(text));
  if (found === undefined) throw new Error(`no sample fits ${pattern}: add one`);
  return found;
}

function pathOf({ url, params }: InputRoute): string {
  const { properties = {} } = (params ?? {}) as Schema;
  return url.replaceAll(/:([A-Za-z]+)/g, (_, name: string) => String(sampleOf(properties[name] as Schema)));
}

function queryOf({ query }: InputRoute): string {
  const { properties = {} } = (query ?? {}) as Schema;
  const fields = Object.entries(properties).map(([name, schema]) => `${name}=${String(sampleOf(schema))}`);
  return fields.length === 0 ? '' : `?${fields.join('&')}`;
}

function json(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}
