import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { lstat, unlink } from 'node:fs/promises';
import { toHex } from '@sekimori/bytes';
import type { AnyRoute } from '@sekimori/protocol';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { type Logger, readQuery } from '@sekimori/service-kit/daemon';
import { readJson } from '@sekimori/service-kit/program';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { type HostFaultCode, hostFault } from '../faults.ts';
import { faultOf } from '../outage.ts';
import { agentProblem } from './problem.ts';
import type { AgentRoute } from './routes.ts';

const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000, // until the request is there; answers take their time
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 1000,
  requireHostHeader: false,
} as const;
const MAX_CONNECTIONS = 128;

/** HTTP for local tools: these routes and nothing else, every body bounded, every failure a problem document. */
export function agentServer(routes: readonly AgentRoute[], logger: Logger): Server {
  const finders = routes.map((each) => ({ ...each, pattern: patternOf(each.route) }));
  const addresses = new Set(routes.map(({ route }) => `${route.method} ${route.url.replaceAll(/:\w+/g, ':')}`));
  if (addresses.size !== routes.length) throw new Error('two routes have one address');
  const unbounded = routes.find(({ route }) => route.body && !route.bodyLimit);
  if (unbounded) throw new Error(`route ${unbounded.route.operationId} has no bound on its body`);

  function find(method: string, path: string): Result<Found> {
    const matching = finders.flatMap((each) => {
      const params = paramsIn(each.pattern, path);
      return params ? [{ ...each, params }] : [];
    });
    const found = matching.find(({ route }) => route.method === method);
    if (found) return ok(found);
    const methods = matching.map(({ route }) => route.method).join(', ');
    return methods === ''
      ? fail('not-found', 'there is no such route')
      : fail('method-not-allowed', `this route knows ${methods}`);
  }

  async function answer(request: IncomingMessage): Promise<Result<object>> {
    const [path = '', search = ''] = (request.url ?? '').split('?', 2);
    const found = find(request.method ?? '', path);
    if (!found.ok) return found;
    const { route, handle, params } = found.value;
    const body = await readBody(request, route);
    if (!body.ok) return body;
    const query = readQuery(route.query, Object.fromEntries(new URLSearchParams(search)));
    const parts = { params: route.params && params, query: route.query ? query : nothingIn(query), body: body.value };
    const wrong = wrongPart(route, parts);
    if (wrong) return wrong;
    const outcome = await handle(parts);
    if (outcome.ok && !Value.Check(route.reply, outcome.value))
      throw new Error(`the reply of ${route.operationId} is not what its schema says`);
    return outcome;
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const traceId = toHex(nodeCrypto.random(16));
    const outcome = await answer(request).catch((error: unknown) => thrown(error, traceId, logger));
    const status = send(response, outcome, traceId);
    const { method, url } = request;
    const code = outcome.ok ? undefined : outcome.fault.code;
    // What only looks is asked for all the time.
    logger[method === 'GET' && outcome.ok ? 'debug' : 'info']({ traceId, method, url, status, code }, 'request');
  }

  const server = createServer(LIMITS, (request, response) => void serve(request, response));
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

interface Found extends AgentRoute {
  readonly params: Readonly<Record<string, string>>;
}

function patternOf({ url }: AnyRoute): RegExp {
  return new RegExp(`^${url.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
}

function paramsIn(pattern: RegExp, path: string): Readonly<Record<string, string>> | undefined {
  const match = pattern.exec(path);
  if (!match) return undefined;
  try {
    const entries = Object.entries(match.groups ?? {});
    return Object.fromEntries(entries.map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch {
    return undefined; // not well-formed: no such thing
  }
}

async function readBody(request: IncomingMessage, { body: schema, bodyLimit = 0 }: AnyRoute): Promise<Result<unknown>> {
  const chunks: Buffer[] = [];
  let length = 0;
  const limit = schema ? bodyLimit : 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit)
      return fail(schema ? 'body-too-large' : 'malformed-request', `this route takes ${limit} bytes at most`);
    chunks.push(chunk);
  }
  if (!schema) return ok(undefined);
  const [type = ''] = (request.headers['content-type'] ?? '').split(';', 1);
  if (type.trim().toLowerCase() !== 'application/json')
    return fail('unsupported-media-type', 'this route takes application/json');
  const value = readJson(Buffer.concat(chunks, length));
  return value.ok ? value : fail('malformed-request', `the body is ${value.fault.detail}`);
}

function nothingIn(query: Readonly<Record<string, unknown>>): undefined | object {
  return Object.keys(query).length === 0 ? undefined : query;
}

/** Names fields, never a value. */
function wrongPart(route: AnyRoute, parts: Readonly<Record<'params' | 'query' | 'body', unknown>>) {
  for (const part of ['params', 'query', 'body'] as const) {
    const schema: TSchema | undefined = route[part];
    if (schema ? Value.Check(schema, parts[part]) : parts[part] === undefined) continue;
    const [first] = schema ? Value.Errors(schema, parts[part]) : [];
    const place = `${part}${(first?.instancePath ?? '').replaceAll('/', '.')}`;
    return fail('malformed-request', `${place.replaceAll(/[^\w.-]/g, '?')} ${first?.message ?? 'is not taken here'}`);
  }
  return undefined;
}

function thrown(error: unknown, traceId: string, logger: Logger): Result<never> {
  const fault = faultOf(error);
  if (fault.code !== 'failed') return { ok: false, fault };
  logger.error({ traceId, err: error }, 'internal error');
  return fail('internal', 'look for the trace id in the log of the agent');
}

function send(response: ServerResponse, outcome: Result<object>, traceId: string): number {
  const problem = outcome.ok ? undefined : agentProblem(outcome.fault, traceId);
  const text = JSON.stringify(problem ?? (outcome.ok && outcome.value));
  const status = problem?.status ?? 200;
  if (response.destroyed) return status;
  response.writeHead(status, {
    'content-type': problem ? 'application/problem+json' : 'application/json',
    'content-length': Buffer.byteLength(text),
    'x-trace-id': traceId,
    ...(problem && { connection: 'close' }), // what was sent may not have been read
  });
  response.end(text);
  return status;
}

/** sun_path without its last NUL: unix(7). */
const MAX_PATH = 107;

/**
 * Listens on a UNIX socket that its owner alone may open, from birth. The caller holds a lock on it: a socket that lies there is left
 * over from an agent that was killed. `socket-unusable`: something else lies there, or the path is too long.
 */
export async function listenOn(server: Server, path: string): Promise<Result<void, Fault<HostFaultCode>>> {
  if (Buffer.byteLength(path) > MAX_PATH)
    return hostFault('socket-unusable', `${path} is longer than ${MAX_PATH} bytes`);
  const there = await lstat(path).catch(() => undefined);
  if (there && !there.isSocket()) return hostFault('socket-unusable', `${path} is there, and is no socket`);
  if (there) await unlink(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const mask = process.umask(0o177); // the socket is made within the call
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(mask);
    }
  });
  return ok(undefined);
}

const CLOSE_MILLIS = 10_000;

/** Takes no more requests, lets those in flight end for a while, then cuts what is left. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const cut = setTimeout(() => server.closeAllConnections(), CLOSE_MILLIS);
  await closed;
  clearTimeout(cut);
}
