import { type RequestOptions, request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect, type ConnectionOptions } from 'node:tls';
import { writePem } from '@sekimori/pki';
import { route } from '@sekimori/protocol';
import { ok } from '@sekimori/result';
import { Type } from 'typebox';
import { afterAll } from 'vitest';
import { adminTokens, createAdminToken, createLogger, createServer, type Handlers, type Limits } from '../src/index.ts';
import { aPki, type TlsIdentity } from './pki.ts';

const Note = Type.Object(
  { text: Type.String({ maxLength: 64 }), count: Type.Optional(Type.Integer()) },
  { additionalProperties: false },
);
const Pages = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
    all: Type.Optional(Type.Boolean()),
    after: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
const Seen = Type.Object(
  { actor: Type.String(), peer: Type.Optional(Type.String()), query: Type.Unknown() },
  { additionalProperties: false },
);

/** One route of each role and shape. */
export const testRoutes = {
  addNote: route({
    operationId: 'addNote',
    method: 'POST',
    url: '/v1/notes',
    role: 'anyone',
    summary: 'Takes a note',
    bodyLimit: 512,
    body: Note,
    reply: Note,
  }),
  seen: route({
    operationId: 'seen',
    method: 'GET',
    url: '/v1/notes/:id/seen',
    role: 'anyone',
    summary: 'What arrived',
    params: Type.Object({ id: Type.String({ pattern: '^[a-z]+$' }) }, { additionalProperties: false }),
    query: Pages,
    reply: Seen,
  }),
  retire: route({
    operationId: 'retire',
    method: 'POST',
    url: '/v1/notes/retire',
    role: 'administrator',
    summary: 'No body',
    reply: Seen,
  }),
  release: route({
    operationId: 'release',
    method: 'POST',
    url: '/v1/releases',
    role: 'guarded-host',
    summary: 'Needs a client key',
    bodyLimit: 512,
    body: Note,
    reply: Seen,
  }),
} as const;
export type TestRoutes = typeof testRoutes;

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  /** How often any handler ran. */
  readonly calls: () => number;
  /** The log, one object a line. */
  readonly log: () => readonly Record<string, unknown>[];
  readonly close: () => Promise<void>;
}

export const pki = await aPki();

export async function startServer(
  options: {
    handlers?: Partial<Handlers<TestRoutes>>;
    limits?: Partial<Limits>;
    ready?: () => { code: string; detail: string } | undefined;
  } = {},
): Promise<TestServer> {
  let calls = 0;
  const lines: string[] = [];
  const { token, sha256 } = createAdminToken();
  const handlers: Handlers<TestRoutes> = {
    addNote: async ({ body }) => ok(body),
    seen: async ({ actor, query }) => ok({ actor, query }),
    retire: async ({ actor, body }) => ok({ actor, query: body ?? null }),
    release: async ({ actor, client }) => ok({ actor, peer: client.certificateSpkiHash, query: null }),
    ...options.handlers,
  };
  const counted = Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      (request: never) => {
        calls++;
        return handler(request);
      },
    ]),
  ) as unknown as Handlers<TestRoutes>;
  const server = createServer({
    routes: testRoutes,
    handlers: counted,
    authenticate: adminTokens([{ name: 'alice', sha256 }]),
    tls: { ...pki.server, requestClientCertificate: true },
    ...(options.limits ? { limits: options.limits } : {}),
    logger: createLogger({ service: 'test', level: 'debug', destination: { write: (line) => void lines.push(line) } }),
    ready: options.ready ?? (() => undefined),
    version: '0',
  });
  const { port, url } = await server.listen({ host: '127.0.0.1', port: 0 });
  afterAll(() => server.close());
  return {
    url,
    port,
    token: token.use((bytes) => new TextDecoder().decode(bytes)),
    calls: () => calls,
    log: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    close: () => server.close(),
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export async function ask(
  server: Pick<TestServer, 'port'>,
  method: string,
  path: string,
  options: {
    readonly headers?: Record<string, string>;
    readonly body?: string | Uint8Array;
    readonly client?: TlsIdentity;
  } & Pick<RequestOptions, 'agent'> = {},
): Promise<Answer> {
  const { headers, body, client, agent = false } = options;
  const identityOptions = client ? { key: keyPem(client), cert: client.cert } : {};
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: '127.0.0.1', port: server.port, method, path, headers, agent, ca: pki.ca, ...identityOptions },
      (response) => {
        text(response).then(
          (content) =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: content,
              json: content === '' ? {} : (JSON.parse(content) as Record<string, unknown>),
            }),
          reject,
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

export function keyPem(client: TlsIdentity): string {
  return client.key.use((der) => writePem('PRIVATE KEY', der));
}

/** Sends bytes as they are, and gives all that came back when the server ended the connection. */
export async function sendRaw(
  server: Pick<TestServer, 'port'>,
  bytes: string,
  options: ConnectionOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = '';
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: pki.ca, ...options }, () => socket.write(bytes));
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      seen += chunk;
    });
    socket.on('error', (error) => (seen === '' ? reject(error) : resolve(seen)));
    socket.on('close', () => resolve(seen));
  });
}

/** The problem document of an answer as it came over the wire. */
export function problemIn(answer: string): Record<string, unknown> {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Record<string, unknown>;
}
