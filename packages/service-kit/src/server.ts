import { describeFault, type Fault, ok } from '@sekimori/result';
import { fastify, type FastifyReply, type FastifyRequest } from 'fastify';
import { actorOf, announcedLength, refusedBody } from './access.ts';
import type { Authenticate } from './admin-tokens.ts';
import { type BodyMeter, bodyBudget, readBody } from './body.ts';
import {
  answerUnreadableRequests,
  certificateSpkiHash,
  limitConnectionsPerAddress,
  newTraceId,
} from './connections.ts';
import { readJson } from './json.ts';
import type { Logger } from './log.ts';
import { DEFAULT_LIMITS, type Limits, listenOn, nodeServer, type Transport } from './node-server.ts';
import { faultOfError, problemOf, type RefusalFault } from './problem.ts';
import { readQuery } from './query.ts';
import { rateLimiter } from './rate-limit.ts';
import { replyWriter } from './reply.ts';
import { checkedRoutes, type Handlers, methodsByAddress, type RouteTable } from './routes.ts';

export interface ServerOptions<T extends RouteTable> {
  readonly routes: T;
  readonly handlers: Handlers<T>;
  /** See `adminTokens`. */
  readonly authenticate: Authenticate;
  readonly tls: Transport;
  readonly limits?: Partial<Limits>;
  readonly logger: Logger;
  /** Why the service cannot decide now; /readyz answers with its detail. */
  readonly ready: () => Fault | undefined;
  /** Of the program; the `server` header never tells it. */
  readonly version: string;
}

export interface Server {
  /** Every weakening option in force, for the status. */
  readonly insecure: readonly string[];
  /** Port 0 takes a free one. Rejects with words for people when the address cannot be had. */
  listen(at: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly port: number; readonly url: string }>;
  /** Takes no more connections, lets requests in flight end for `closeSeconds`, then cuts what is left. */
  close(): Promise<void>;
}

/**
 * An HTTPS server (TLS 1.3, HTTP/1.1) of the routes and of nothing else. Each request is held against the rate limit, its
 * role and its schemas before the handler sees it; every failure is a problem document.
 */
export function createServer<const T extends RouteTable>(options: ServerOptions<T>): Server {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { logger } = options;
  const routes = checkedRoutes(options.routes, options.handlers);
  const plain = 'insecurePlainHttp' in options.tls;
  const hasClientCertificates = !('insecurePlainHttp' in options.tls) && options.tls.requestClientCertificate;
  if (!hasClientCertificates && routes.some(({ role }) => role === 'guarded-host'))
    throw new Error('routes for guarded hosts need TLS client certificates');

  let closing = false;
  const mayAsk = rateLimiter({ perSecond: limits.requestsPerSecond, burst: limits.requestBurst }, monotonicSeconds);
  const meterBody = bodyBudget(limits.bodyBytes);
  const server = nodeServer(options.tls, limits);
  limitConnectionsPerAddress(server, limits.connectionsPerAddress);
  const states = new WeakMap<FastifyRequest, State>();
  const stateOf = (request: FastifyRequest): State => {
    const known = states.get(request);
    if (known) return known;
    const fresh: State = { actor: 'nobody', bodyLimit: 0 };
    states.set(request, fresh);
    return fresh;
  };

  const app = fastify({
    serverFactory: (listener) => server.on('request', listener),
    clientErrorHandler: answerUnreadableRequests(server, logger, mayAsk),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    genReqId: newTraceId,
    exposeHeadRoutes: false,
    return503OnClosing: false, // ours is a problem document
    bodyLimit: 1024,
    frameworkErrors: (error, request, reply) => {
      const fault = mayAsk(request.ip) ? (faultOfError(error) ?? internal(request, error)) : TOO_MANY;
      void send(request, reply, fault);
      logRequest(request, reply, '(none)'); // no hook runs for these
    },
  });

  const send = (request: FastifyRequest, reply: FastifyReply, fault: RefusalFault<string>): FastifyReply => {
    const problem = problemOf(fault, request.id);
    stateOf(request).code = problem.code;
    if (problem.code === 'internal' && fault !== INTERNAL)
      logger.error({ traceId: request.id, fault: describeFault(fault) }, 'a handler refused with no listed code');
    if (problem.status === 429) void reply.header('retry-after', '1');
    return reply
      .code(problem.status)
      .headers(headersOf(request)) // also where the framework refuses before any hook
      .type('application/problem+json')
      .send(JSON.stringify(problem));
  };
  const internal = (request: FastifyRequest, error: unknown): RefusalFault => {
    logger.error({ traceId: request.id, err: error }, 'internal error');
    return INTERNAL;
  };

  const logRequest = (request: FastifyRequest, reply: FastifyReply, route: string): void => {
    const { actor, code, operation } = stateOf(request);
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    const fields = {
      traceId: request.id,
      method: request.method,
      route,
      operation,
      status: reply.statusCode,
      code,
      ms,
    };
    logger.info({ ...fields, actor, address: request.ip }, 'request');
  };

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', async (request: FastifyRequest): Promise<unknown> => {
    const { meter, bodyLimit } = stateOf(request);
    if (!meter) throw new Error('a body that no route takes');
    const body = await readBody(request.raw, bodyLimit, meter, limits);
    if (!body.ok) throw new RefusedBody(body.fault);
    const value = readJson(body.value);
    if (!value.ok) throw new RefusedBody({ code: 'malformed-request', detail: `the body is ${value.fault.detail}` });
    return value.value;
  });
  app.setErrorHandler((error, request, reply) =>
    send(
      request,
      reply,
      error instanceof RefusedBody ? error.fault : (faultOfError(error) ?? internal(request, error)),
    ),
  );
  const methodsOf = methodsByAddress(routes);
  const sendNotFound = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const methods = methodsOf(request.url.split('?', 1)[0] as string);
    if (methods.length === 0) return send(request, reply, { code: 'not-found', detail: 'there is no such route' });
    void reply.header('allow', methods.join(', '));
    return send(request, reply, { code: 'method-not-allowed', detail: `this route knows ${methods.join(', ')}` });
  };
  app.setNotFoundHandler(sendNotFound);
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(headersOf(request));
    if (closing) return send(request, reply, { code: 'not-ready', detail: 'the service is stopping' });
    // What has a route is held against the rate limit there, where it is known who asks.
    const isLost = request.is404 || (request.raw.httpVersion === '1.1' && request.headers.host === undefined);
    if (isLost && !mayAsk(request.ip)) return send(request, reply, TOO_MANY);
    if (request.raw.httpVersion === '1.1' && request.headers.host === undefined)
      return send(request, reply, { code: 'malformed-request', detail: 'the Host header is missing' });
    return request.is404 ? sendNotFound(request, reply) : undefined; // before its body is read
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) void reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => logRequest(request, reply, request.routeOptions.url ?? '(none)'));

  const health = {
    healthz: async () => ok({ ok: true }),
    readyz: async () => {
      const fault = closing ? { detail: 'the service is stopping' } : options.ready();
      return fault ? { ok: false, fault: { code: 'not-ready', detail: fault.detail } } : ok({ ready: true });
    },
  };
  const handlers = { ...options.handlers, ...health } as unknown as Readonly<Record<string, AnyHandler>>;

  for (const route of routes) {
    const handle = handlers[route.operationId] as AnyHandler;
    const write = replyWriter(route);
    app.route({
      method: route.method,
      url: route.url,
      bodyLimit: route.bodyLimit ?? 1,
      schema: {
        params: route.params ?? NOTHING,
        querystring: route.query ?? NOTHING,
        ...(route.body ? { body: route.body } : {}),
      },
      onRequest: async (request, reply) => {
        const state = stateOf(request);
        state.operation = route.operationId;
        const actor = actorOf(route, request, options.authenticate);
        const isAdministrator = route.role === 'administrator' && typeof actor === 'string';
        if (!isAdministrator && !mayAsk(request.ip)) return send(request, reply, TOO_MANY);
        if (typeof actor !== 'string') {
          if (route.role === 'administrator') void reply.header('www-authenticate', 'Bearer');
          return send(request, reply, actor);
        }
        state.actor = actor;
        const refused = refusedBody(route, request);
        if (refused) return send(request, reply.header('connection', 'close'), refused); // what was sent is not read
        state.bodyLimit = route.bodyLimit ?? 0;
        state.meter = meterBody({ ip: request.ip, announced: announcedLength(request.headers) }, reply.raw);
        return undefined;
      },
      preValidation: async (request) => {
        request.query = readQuery(route.query, request.query);
      },
      handler: async (request, reply) => {
        try {
          const outcome = await handle({
            params: route.params ? request.params : undefined,
            query: route.query ? request.query : undefined,
            body: request.body,
            traceId: request.id,
            client: { address: request.ip, certificateSpkiHash: certificateSpkiHash(request.raw.socket) },
            actor: stateOf(request).actor,
          });
          if (!outcome.ok) return send(request, reply, outcome.fault);
          return reply.type('application/json').send(write(outcome.value));
        } catch (error) {
          // Whatever a handler throws is ours, also when it looks like an error of the framework.
          return send(request, reply, internal(request, error));
        }
      },
    });
  }

  return {
    insecure: plain ? ['insecurePlainHttp'] : [],
    async listen({ host, port }) {
      await app.ready();
      const bound = await listenOn(server, host, port);
      const name = host.includes(':') ? `[${host}]` : host;
      const url = `${plain ? 'http' : 'https'}://${name}:${bound}`;
      logger.info({ url, version: options.version }, 'listening');
      return { port: bound, url };
    },
    async close() {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve())); // also when it never listened
      const cut = setTimeout(() => server.closeAllConnections(), limits.closeSeconds * 1000);
      await closed;
      clearTimeout(cut);
      await app.close();
    },
  };
}

interface State {
  actor: string;
  bodyLimit: number;
  /** Set once the request may have a body. */
  meter?: BodyMeter;
  operation?: string;
  code?: string;
}

type AnyHandler = (
  request: object,
) => Promise<{ ok: true; value: unknown } | { ok: false; fault: RefusalFault<string> }>;

function headersOf(request: FastifyRequest): Readonly<Record<string, string>> {
  return { 'x-trace-id': request.id, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
}

/** Logged where it was caught. */
const INTERNAL: RefusalFault = { code: 'internal', detail: 'see the log' };

const TOO_MANY: RefusalFault = { code: 'too-many-requests', detail: 'this address asks too often' };

const NOTHING = { type: 'object', additionalProperties: false } as const;

class RefusedBody extends Error {
  readonly fault: RefusalFault;
  constructor(fault: RefusalFault) {
    super(fault.code);
    this.fault = fault;
  }
}

function monotonicSeconds(): number {
  return performance.now() / 1000;
}
