import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { type RequestListener, createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePem } from '@sekimori/pki';
import { type AnyRoute, route } from '@sekimori/protocol';
import { expectOk, fail, ok } from '@sekimori/result';
import { adminTokens, createAdminToken, createLogger, createServer } from '@sekimori/service-kit';
import { Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { type CallArguments, createClient, OutageError, type TransportResponse } from '../src/index.ts';
import { type NodeTransportOptions, nodeTransport, socketTransport } from '../src/node.ts';
import { aPki, type TlsIdentity } from './pki.ts';

const strict = { additionalProperties: false };
const routes = {
  greet: route({
    operationId: 'greet',
    method: 'POST',
    url: '/v1/people/:name/greetings',
    role: 'anyone',
    summary: 'Greets',
    bodyLimit: 1024,
    params: Type.Object({ name: Type.String({ pattern: '^[^/]+$' }) }, strict),
    query: Type.Object({ times: Type.Optional(Type.Integer()), loud: Type.Optional(Type.Boolean()) }, strict),
    body: Type.Object({ words: Type.String() }, strict),
    reply: Type.Object({ said: Type.String() }, strict),
  }),
  refuse: route({
    operationId: 'refuse',
    method: 'GET',
    url: '/v1/refusal',
    role: 'anyone',
    summary: 'Refuses',
    reply: Type.Object({}, strict),
  }),
  whoami: route({
    operationId: 'whoami',
    method: 'GET',
    url: '/v1/me',
    role: 'administrator',
    summary: 'Who asks',
    reply: Type.Object({ actor: Type.String() }, strict),
  }),
  host: route({
    operationId: 'host',
    method: 'GET',
    url: '/v1/host',
    role: 'guarded-host',
    summary: 'Which host asks',
    reply: Type.Object({ key: Type.String() }, strict),
  }),
} as const;

const pki = await aPki();
const { token, sha256 } = createAdminToken();
const server = createServer({
  routes,
  handlers: {
    greet: async ({ params, query, body }) => ok({ said: `${params.name} ${query.times} ${query.loud} ${body.words}` }),
    refuse: async () => ({ ok: false, fault: { code: 'policy-denied', detail: 'no', subStatus: ['SecureBoot'] } }),
    whoami: async ({ actor }) => ok({ actor }),
    host: async ({ client }) => ok({ key: client.certificateSpkiHash }),
  },
  authenticate: adminTokens([{ name: 'alice', sha256 }]),
  tls: { ...pki.server, requestClientCertificate: true },
  logger: createLogger({ service: 'test', level: 'silent' }),
  ready: () => undefined,
  version: '0',
});
const { url: baseUrl } = await server.listen({ host: '127.0.0.1', port: 0 });
afterAll(() => server.close());

function clientOf(options: Partial<NodeTransportOptions & Parameters<typeof createClient>[0]> = {}) {
  const transport = nodeTransport({ ca: pki.ca, ...options });
  afterAll(() => transport.close());
  return createClient({
    baseUrl,
    transport,
    ...(options.baseUrl ? { baseUrl: options.baseUrl } : {}),
    ...(options.token ? { token: options.token } : {}),
    ...(options.maxResponseBytes ? { maxResponseBytes: options.maxResponseBytes } : {}),
  });
}

describe('a call', () => {
  it('carries parameters, query and body, and gives the reply', async () => {
    const reply = await clientOf().call(routes.greet, {
      params: { name: 'Zoë ?&#%' },
      query: { times: 3, loud: true },
      body: { words: 'ciao' },
    });
    expect(reply).toEqual(ok({ said: 'Zoë ?&#% 3 true ciao' }));
  });
  it('that is refused is a fault with code, status, trace id and sub-status', async () => {
    expect(await clientOf().call(routes.refuse)).toEqual({
      ok: false,
      fault: {
        code: 'policy-denied',
        detail: 'no',
        status: 403,
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
        subStatus: ['SecureBoot'],
      },
    });
  });
  it.each([
    ['7', 7],
    ['99999999', 86_400],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    ['-1', undefined],
    [undefined, undefined],
  ])('that is to come again after %s', async (retryAfter, seconds) => {
    const problem = { type: 'urn:x', title: 'x', status: 429, code: 'too-many-requests', detail: 'x', traceId: 'x' };
    const transport = async () => ({
      status: 429,
      contentType: 'application/problem+json',
      body: new TextEncoder().encode(JSON.stringify(problem)),
      ...(retryAfter !== undefined && { retryAfter }),
    });
    const refused = await createClient({ baseUrl: 'https://hgs.example', transport }).call(routes.refuse);
    expect(refused.ok ? undefined : refused.fault.retryAfterSeconds).toBe(seconds);
  });
  it('hears how long to wait where it asked too often', async () => {
    const limited = createServer({
      routes: { refuse: routes.refuse },
      handlers: { refuse: async () => ok({}) },
      authenticate: adminTokens([]),
      tls: { ...pki.server, requestClientCertificate: false },
      limits: { requestsPerSecond: 0.001, requestBurst: 1 },
      logger: createLogger({ service: 'test', level: 'silent' }),
      ready: () => undefined,
      version: '0',
    });
    const { url } = await limited.listen({ host: '127.0.0.1', port: 0 });
    const client = clientOf({ baseUrl: url });
    expect(await client.call(routes.refuse)).toEqual(ok({}));
    expect(await client.call(routes.refuse)).toMatchObject({ fault: { status: 429, retryAfterSeconds: 1 } });
    await limited.close();
  });
  it('sends the token to routes of administrators, and to no other', async () => {
    expect(await clientOf({ token }).call(routes.whoami)).toEqual(ok({ actor: 'administrator:alice' }));
    expect(await clientOf().call(routes.whoami)).toMatchObject({ fault: { code: 'unauthorized', status: 401 } });
    const seen: string[] = [];
    const transport = async ({
      headers,
    }: {
      headers: Readonly<Record<string, string>>;
    }): Promise<TransportResponse> => {
      seen.push(Object.keys(headers).join());
      return { status: 200, contentType: 'application/json', body: new TextEncoder().encode('{}') };
    };
    await createClient({ baseUrl, transport, token }).call(routes.refuse);
    expect(seen).toEqual(['accept']);
  });
  it('proves the TLS client key', async () => {
    const { key, cert, spkiHash } = pki.client;
    expect(await clientOf({ client: { key, cert } }).call(routes.host)).toEqual(ok({ key: spkiHash }));
    const { Secret } = await import('@sekimori/crypto-core');
    const pem = new Secret(new TextEncoder().encode(key.use((der) => writePem('PRIVATE KEY', der))));
    expect((await clientOf({ client: { key: pem, cert } }).call(routes.host)).ok).toBe(true);
    expect(await clientOf().call(routes.host)).toMatchObject({ fault: { code: 'unauthorized' } });
  });
  it('that is too large hears so', async () => {
    const words = 'x'.repeat(100_000);
    expect(await clientOf().call(routes.greet, { params: { name: 'a' }, body: { words } })).toMatchObject({
      fault: { code: 'body-too-large', status: 413 },
    });
  });
  it.each(['', '.', '..', 5])('with %j for an identifier is a bug', async (name) => {
    const call = clientOf().call(routes.greet, { params: { name: name as string }, body: { words: '' } });
    await expect(call).rejects.toThrow(RangeError);
  });
  it('compiles only with what the route needs', () => {
    type Greet = CallArguments<typeof routes.greet>;
    const good: Greet = [{ params: { name: 'a' }, body: { words: 'b' } }];
    const none: CallArguments<typeof routes.refuse> = [];
    // @ts-expect-error: params and body are missing
    const missing: Greet = [];
    // @ts-expect-error: the body is another
    const wrong: Greet = [{ params: { name: 'a' }, body: { word: 'b' } }];
    expect([good, none, missing, wrong]).toHaveLength(4);
  });
});

describe('an outage rejects with words for people:', () => {
  const expectOutage = async (call: Promise<unknown>, words: RegExp): Promise<void> => {
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(OutageError);
    expect((error as OutageError).message).toMatch(words);
    expect((error as OutageError).message).toContain((error as OutageError).url);
  };
  const other = async (
    listener: RequestListener,
    tls: TlsIdentity & { maxVersion?: 'TLSv1.2' } = pki.server,
  ): Promise<string> => {
    const secure = createHttpsServer({ ...tls, key: tls.key.use((der) => writePem('PRIVATE KEY', der)) }, listener);
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    afterAll(() => {
      secure.closeAllConnections();
      secure.close();
    });
    return `https://127.0.0.1:${(secure.address() as AddressInfo).port}`;
  };
  const json = { 'content-type': 'application/json' };

  it('nothing listens', async () => {
    await expectOutage(clientOf({ baseUrl: 'https://127.0.0.1:9' }).call(routes.refuse), /nothing listens there/);
  });
  it('a certificate of another CA', async () => {
    const strange = await aPki();
    await expectOutage(clientOf({ ca: strange.ca }).call(routes.refuse), /not issued by the CA given/);
    const stranger = await other((_, response) => response.end(), strange.server);
    await expectOutage(clientOf({ baseUrl: stranger }).call(routes.refuse), /not issued by the CA given/);
  });
  it('another CA, also when the environment turns checks off', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const strange = await aPki();
      await expectOutage(clientOf({ ca: strange.ca }).call(routes.refuse), /not issued by the CA given/);
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });
  it('a certificate for another name', async () => {
    const misnamed = await aPki({ dns: ['other.example'], ip: ['192.0.2.1'] });
    const at = await other((_, response) => response.end(), misnamed.server);
    await expectOutage(clientOf({ baseUrl: at, ca: misnamed.ca }).call(routes.refuse), /another name/);
  });
  it('no TLS', async () => {
    const plain = createHttpServer((_, response) => response.end());
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    afterAll(() => plain.close());
    const at = `127.0.0.1:${(plain.address() as AddressInfo).port}`;
    await expectOutage(clientOf({ baseUrl: `https://${at}` }).call(routes.refuse), /does not speak TLS 1.3/);
    await expectOutage(clientOf({ baseUrl: `http://${at}` }).call(routes.refuse), /not https/);
    await expectOutage(
      clientOf({ baseUrl: `http://${at}`, insecurePlainHttp: true }).call(routes.refuse),
      /not that of a Sekimori/,
    );
  });
  it('TLS 1.2', async () => {
    const at = await other((_, response) => response.end(), { ...pki.server, maxVersion: 'TLSv1.2' });
    await expectOutage(clientOf({ baseUrl: at }).call(routes.refuse), /does not speak TLS 1.3/);
  });
  it('silence', async () => {
    const silent = createTcpServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    afterAll(() => silent.close());
    const at = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await expectOutage(clientOf({ baseUrl: at, timeoutSeconds: 0.1 }).call(routes.refuse), /no answer in 0.1 seconds/);
  });
  it('an answer that does not end', async () => {
    const at = await other((_, response) => response.writeHead(200, json).write('{'));
    await expectOutage(clientOf({ baseUrl: at, timeoutSeconds: 0.2 }).call(routes.refuse), /no answer in/);
  });
  it('an answer that is too long', async () => {
    const at = await other((_, response) => response.writeHead(200, json).end(`{"a":"${'x'.repeat(5000)}"}`));
    await expectOutage(clientOf({ baseUrl: at, maxResponseBytes: 1000 }).call(routes.refuse), /more than 1000 bytes/);
  });
  it.each<readonly [string, number, Record<string, string>, string]>([
    ['a web page', 200, { 'content-type': 'text/html' }, '<p>'],
    ['broken JSON', 200, json, '{'],
    ['a reply of another form', 200, json, '[]'],
    ['an error page', 502, { 'content-type': 'text/html' }, '<p>'],
    ['an error in JSON that is no problem', 500, json, '{"code":"x"}'],
    ['a problem without a code', 403, { 'content-type': 'application/problem+json' }, '{"title":"x"}'],
    ['a redirect', 302, { location: '/' }, ''],
    ['an empty answer', 204, {}, ''],
  ])('%s', async (_, status, headers, body) => {
    const at = await other((_request, response) => void response.writeHead(status, headers).end(body));
    await expectOutage(clientOf({ baseUrl: at }).call(routes.refuse), /Sekimori service/);
  });
  it('takes what a newer service adds', async () => {
    const newer = { type: 'x', title: 'x', status: 418, code: 'brand-new', detail: 'd', traceId: 't', more: 1 };
    const at = await other(({ url }, response) => {
      const refused = url === '/v1/refusal';
      response.writeHead(refused ? 418 : 200, refused ? { 'content-type': 'application/problem+json' } : json);
      response.end(JSON.stringify(refused ? newer : { actor: 'a', more: 1 }));
    });
    const client = clientOf({ baseUrl: at });
    expect(await client.call(routes.refuse)).toEqual({
      ...fail('brand-new', 'd'),
      fault: { code: 'brand-new', detail: 'd', status: 418, traceId: 't' },
    });
    expect(await client.call(routes.whoami)).toEqual(ok({ actor: 'a' }));
  });
});

it('refuses an address with a path, and a CA that is none', () => {
  for (const wrong of [`${baseUrl}/v1`, `${baseUrl}/?a`, baseUrl.replace('//', '//user@')])
    expect(() => clientOf({ baseUrl: wrong })).toThrow(RangeError);
  for (const ca of ['', 'ca.pem']) expect(() => nodeTransport({ ca })).toThrow(RangeError);
});

it('keeps connections, and lets go of them when told', async () => {
  const transport = nodeTransport({ ca: pki.ca });
  const client = createClient({ baseUrl, transport });
  const { greet } = routes satisfies Record<string, AnyRoute>;
  for (let i = 0; i < 3; i++) expectOk(await client.call(greet, { params: { name: 'a' }, body: { words: 'b' } }));
  transport.close();
});

it('reaches what listens on a UNIX socket, and tells by the code of the system where nothing does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'client-'));
  afterAll(() => rm(folder, { recursive: true }));
  const path = join(folder, 'socket');
  const callAt = (maxResponseBytes: number) =>
    createClient({ baseUrl: 'http://local', transport: socketTransport(path), maxResponseBytes }).call(routes.whoami);
  await expect(callAt(1000)).rejects.toMatchObject({ code: 'ENOENT' });
  const local = createHttpServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ actor: request.url }));
  });
  await new Promise<void>((resolve) => local.listen(path, resolve));
  afterAll(() => local.close());
  expect(await callAt(1000)).toEqual(ok({ actor: '/v1/me' }));
  await expect(callAt(5)).rejects.toThrow('more than 5 bytes');
});
