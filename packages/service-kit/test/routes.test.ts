import { attestationRoutes, healthRoutes, keyProtectionRoutes, type AnyRoute } from '@sekimori/protocol';
import { ok } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { createLogger, createServer, type Handlers, openApiOf } from '../src/index.ts';
import { checkedRoutes } from '../src/routes.ts';
import { ask, pki, startServer, type TestRoutes, testRoutes } from './support.ts';

describe('each route', () => {
  it('needs its role, and answers to no other', async () => {
    const server = await startServer();
    const bearer = { authorization: `Bearer ${server.token}` };
    const body = JSON.stringify({ text: 'x' });
    for (const { method, url, role, ...route } of Object.values({ ...testRoutes, ...healthRoutes } as Record<
      string,
      AnyRoute
    >)) {
      const path = url.replace(':id', 'abc');
      const sent = route.body ? { body, headers: { 'content-type': 'application/json' } } : { headers: {} };
      const stranger = await ask(server, method, path, sent);
      const host = await ask(server, method, path, { ...sent, client: pki.client });
      const administrator = await ask(server, method, path, { ...sent, headers: { ...sent.headers, ...bearer } });
      expect([role, stranger.status, host.status, administrator.status]).toEqual([
        role,
        role === 'anyone' ? 200 : 401,
        role === 'administrator' ? 401 : 200,
        role === 'guarded-host' ? 401 : 200,
      ]);
      if (role !== 'anyone') expect(stranger.json).toMatchObject({ code: 'unauthorized', status: 401 });
    }
  });

  it('needs the very token', async () => {
    const server = await startServer();
    const wrong = `${server.token.startsWith('A') ? 'B' : 'A'}${server.token.slice(1)}`;
    for (const authorization of [
      `Bearer ${wrong}`,
      'Bearer',
      `Bearer ${server.token}A`,
      `Basic ${server.token}`,
      server.token,
    ]) {
      const answer = await ask(server, 'POST', '/v1/notes/retire', { headers: { authorization } });
      expect(answer.json).toMatchObject({ code: 'unauthorized' });
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
    expect(server.calls()).toBe(0);
    expect(JSON.stringify(server.log())).not.toContain(server.token.slice(1, 20));
  });

  it('hands the hash of the TLS client key to a route for guarded hosts', async () => {
    const server = await startServer();
    const answer = await ask(server, 'POST', '/v1/releases', {
      client: pki.client,
      headers: { 'content-type': 'application/json' },
      body: '{"text":"x"}',
    });
    expect(answer.json).toEqual({
      actor: `guarded-host:${pki.client.spkiHash}`,
      peer: pki.client.spkiHash,
      query: null,
    });
  });

  it('is served nowhere else: another path is not found, another method not allowed', async () => {
    const server = await startServer();
    for (const path of [
      '/',
      '/v1',
      '/v1/notes/',
      '/V1/notes',
      '//v1/notes',
      '/v1/notes/abc/seen/more',
      '/healthz/',
      '/%2e%2e/etc',
    ])
      expect([path, (await ask(server, 'GET', path)).json]).toMatchObject([path, { code: 'not-found', status: 404 }]);
    const unread = { body: 'x'.repeat(5000), headers: { 'content-type': 'text/plain' } };
    expect((await ask(server, 'POST', '/v1', unread)).json).toMatchObject({ code: 'not-found' });
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const answer = await ask(server, method, '/v1/notes');
      expect([method, answer.status, answer.json['code']]).toEqual([method, 405, 'method-not-allowed']);
      expect(answer.headers['allow']).toBe('POST');
    }
    expect((await ask(server, 'HEAD', '/healthz')).status).toBe(405);
    expect(server.calls()).toBe(0);
  });
});

describe('what cannot be registered', () => {
  const table = { note: { ...testRoutes.addNote, operationId: 'note' } };
  const handlers = { note: async () => ok({}) };
  const change = (changed: object) => () => checkedRoutes({ note: { ...table.note, ...changed } }, handlers);
  it.each([
    ['no role', { role: undefined }],
    ['an unknown role', { role: 'everyone' }],
    ['another name', { operationId: 'other' }],
    ['a body without a bound', { bodyLimit: undefined }],
    ['the address of another route', { method: 'GET', url: '/healthz' }],
  ])('%s', (_, changed) => {
    expect(change({})).not.toThrow();
    expect(change(changed)).toThrow('route');
  });
  it('a route without a handler', () => {
    expect(() => checkedRoutes(table, {})).toThrow('no handler');
  });
  it('a route for guarded hosts where TLS asks for no client certificate', () => {
    const start = (tls: Parameters<typeof createServer>[0]['tls']) => () =>
      createServer({
        routes: { release: testRoutes.release },
        handlers: { release: async () => ok({ actor: '', query: null }) },
        authenticate: () => undefined,
        tls,
        logger: createLogger({ service: 'test', level: 'silent' }),
        ready: () => undefined,
        version: '0',
      });
    expect(start({ ...pki.server, requestClientCertificate: false })).toThrow('client certificates');
    expect(start({ insecurePlainHttp: true })).toThrow('client certificates');
    expect(start({ ...pki.server, requestClientCertificate: true })().insecure).toEqual([]);
  });
});

it('lists plain HTTP as insecure', async () => {
  const server = createServer({
    routes: {},
    handlers: {},
    authenticate: () => undefined,
    tls: { insecurePlainHttp: true },
    logger: createLogger({ service: 'test', level: 'silent' }),
    ready: () => undefined,
    version: '0',
  });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  expect(url).toMatch(/^http:/);
  expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ ok: true });
  expect(server.insecure).toEqual(['insecurePlainHttp']);
  await server.close();
});

it('does not compile without a handler, with a wrong reply, or with a code that nobody listed', () => {
  type Part = Handlers<Pick<TestRoutes, 'addNote'>>;
  const good: Part = { addNote: async ({ body }) => ok({ text: body.text }) };
  // @ts-expect-error: a handler is missing
  const missing: Part = {};
  // @ts-expect-error: the reply is not the route's
  const wrong: Part = { addNote: async () => ok({ words: '' }) };
  // @ts-expect-error: no such fault code
  const unlisted: Part = { addNote: async () => ({ ok: false, fault: { code: 'no-such-code', detail: '' } }) };
  // @ts-expect-error: the body has no such field
  const misread: Part = { addNote: async ({ body }) => ok({ text: body.words }) };
  // @ts-expect-error: a route needs a role
  const noRole: AnyRoute = { operationId: 'x', method: 'GET', url: '/', summary: '', reply: testRoutes.seen.reply };
  expect([good, missing, wrong, unlisted, misread, noRole]).toHaveLength(6);
});

describe('the OpenAPI document', () => {
  it.each([
    ['attestation', attestationRoutes],
    ['key protection', keyProtectionRoutes],
  ] as const)('of %s has every route with its role', (title, routes) => {
    const document = openApiOf(routes, { title, version: '1' }) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string; security: object[] }>>;
    };
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(new Set(operations.map(({ operationId }) => operationId))).toEqual(
      new Set([...Object.keys(routes), ...Object.keys(healthRoutes)]),
    );
    for (const { operationId, security } of operations) {
      const { role } = { ...routes, ...healthRoutes }[operationId as keyof typeof healthRoutes] as AnyRoute;
      expect(security).toEqual(role === 'anyone' ? [] : [{ [role]: [] }]);
    }
    expect(JSON.stringify(document)).not.toMatch(/\/:|\$id/);
    expect(openApiOf(routes, { title, version: '1' })).toEqual(document);
  });
});
