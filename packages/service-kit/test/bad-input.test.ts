import { attestationRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { fail } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { adminTokens, createAdminToken, createLogger, createServer, type RouteTable } from '../src/index.ts';
import { ask, problemIn, pki, sendRaw, startServer } from './support.ts';

const server = await startServer({ limits: { headerBytes: 4096 } });
const json = { 'content-type': 'application/json' };
const post = (body: string | Uint8Array, headers: Record<string, string> = json) =>
  ask(server, 'POST', '/v1/notes', { body, headers });
const secret = 'vrySecret7';

it.each<readonly [string, string, () => ReturnType<typeof ask>]>([
  ['truncated JSON', 'malformed-request', () => post(`{"text":"${secret}`)],
  ['an empty body', 'malformed-request', () => post('')],
  ['no body at all', 'malformed-request', () => ask(server, 'POST', '/v1/notes')],
  ['not UTF-8', 'malformed-request', () => post(Uint8Array.of(0x22, 0xff, 0x22))],
  ['a byte-order mark', 'malformed-request', () => post('\ufeff{"text":"x"}')],
  ['JSON that is no object', 'malformed-request', () => post('[]')],
  ['null', 'malformed-request', () => post('null')],
  ['a second document', 'malformed-request', () => post('{"text":"x"}{}')],
  ['an oversized body', 'body-too-large', () => post(`{"text":"${'x'.repeat(600)}"}`)],
  [
    'an oversized body in chunks',
    'body-too-large',
    () => post(`{"text":"${'x'.repeat(600)}"}`, { ...json, 'transfer-encoding': 'chunked' }),
  ],
  ['a number for a text', 'malformed-request', () => post('{"text":5}')],
  ['a text for a number', 'malformed-request', () => post('{"text":"x","count":"5"}')],
  ['a missing field', 'malformed-request', () => post('{"count":5}')],
  ['an unknown field', 'malformed-request', () => post(`{"text":"x","more":"${secret}"}`)],
  ['a text over its length', 'malformed-request', () => post(`{"text":"${secret.repeat(8)}"}`)],
  ['a field given twice', 'malformed-request', () => post('{"text":"x","text":"y"}')],
  ['a field given twice, once in escapes', 'malformed-request', () => post(String.raw`{"text":"x","te\u0078t":"y"}`)],
  ['__proto__', 'malformed-request', () => post('{"text":"x","__proto__":{"a":1}}')],
  ['__proto__ in escapes', 'malformed-request', () => post(String.raw`{"text":"x","__pr\u006fto__" : {}}`)],
  ['constructor', 'malformed-request', () => post('{"text":"x","constructor":{"prototype":{}}}')],
  ['deep JSON', 'malformed-request', () => post(`{"text":${'['.repeat(200)}${']'.repeat(200)}}`)],
  ['text/plain', 'unsupported-media-type', () => post('{"text":"x"}', { 'content-type': 'text/plain' })],
  ['a form', 'unsupported-media-type', () => post('text=x', { 'content-type': 'application/x-www-form-urlencoded' })],
  ['a media type that is none', 'unsupported-media-type', () => post('{"text":"x"}', { 'content-type': ';;' })],
  ['no content type', 'unsupported-media-type', () => post('{"text":"x"}', {})],
  ['a content encoding', 'unsupported-media-type', () => post('{"text":"x"}', { ...json, 'content-encoding': 'gzip' })],
  [
    'a body where none is taken',
    'malformed-request',
    () => ask(server, 'GET', '/v1/notes/abc/seen', { body: '{}', headers: { ...json, 'content-length': '2' } }),
  ],
  ['a parameter of the wrong form', 'malformed-request', () => ask(server, 'GET', '/v1/notes/ABC/seen')],
  ['an overlong parameter', 'not-found', () => ask(server, 'GET', `/v1/notes/${'a'.repeat(300)}/seen`)],
  ['a path that does not decode', 'malformed-request', () => ask(server, 'GET', '/v1/notes/%ff/seen')],
  ['an unknown query field', 'malformed-request', () => ask(server, 'GET', `/v1/notes/abc/seen?more=${secret}`)],
  ['a query field where none is taken', 'malformed-request', () => ask(server, 'GET', '/healthz?a=1')],
  ['a query field given twice', 'malformed-request', () => ask(server, 'GET', '/v1/notes/abc/seen?limit=1&limit=2')],
  ['an expectation', 'malformed-request', () => post('{"text":"x"}', { ...json, expect: 'the unexpected' })],
  ...['', '0', '-1', '1.0', '1.5', '01', '+1', '1e3', ' 1', '0x10', '99999999999999999', 'x'].map(
    (limit) =>
      [
        `limit=${limit}`,
        'malformed-request',
        () => ask(server, 'GET', `/v1/notes/abc/seen?limit=${encodeURIComponent(limit)}`),
      ] as const,
  ),
  ['all=1', 'malformed-request', () => ask(server, 'GET', '/v1/notes/abc/seen?all=1')],
])('%s is a problem, and no handler is called', async (_, code, send) => {
  const answer = await send();
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json).toMatchObject({ code, status: answer.status, type: `urn:sekimori:fault:${code}` });
  expect(answer.json['traceId']).toBe(answer.headers['x-trace-id']);
  expect(answer.json['traceId']).toMatch(/^[0-9a-f]{32}$/);
  expect(answer.text).not.toMatch(/vrySecret7|node_modules|\.ts/);
  expect(server.calls()).toBe(0);
});

it.each([
  ['what is not HTTP', 'EHLO there\r\n\r\n'],
  ['a huge header', `GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(8192)}\r\n\r\n`],
  ['two lengths', 'POST /v1/notes HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
  [
    'a length and chunks',
    'POST /v1/notes HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
  ],
  [
    'a bad chunk',
    'POST /v1/notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  ],
  ['a bare line feed in a header', 'GET /healthz HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
  ['no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n'],
])('%s is a problem too', async (_, bytes) => {
  const answer = await sendRaw(server, bytes);
  expect(answer).toMatch(/^HTTP\/1.1 400 .*\r\n(?:.*\r\n)*?content-type: application\/problem\+json/i);
  const problem = problemIn(answer);
  expect(problem).toMatchObject({ code: 'malformed-request', status: 400 });
  expect(answer.toLowerCase()).toContain(`x-trace-id: ${String(problem['traceId'])}`);
  expect(server.calls()).toBe(0);
});

it('still answers after all that', async () => {
  expect((await post('{"text":"x"}', { 'content-type': 'application/json; charset=utf-8' })).json).toEqual({
    text: 'x',
  });
  expect((await ask(server, 'GET', '/v1/notes/abc/seen?limit=7&all=true&after=5')).json).toEqual({
    actor: 'anyone',
    query: { limit: 7, all: true, after: '5' },
  });
  expect(server.calls()).toBe(2);
});

it('refuses TLS below 1.3', async () => {
  await expect(sendRaw(server, '', { maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version/i);
  await expect(sendRaw(server, 'GET /healthz HTTP/1.0\r\n\r\n', { ca: pki.ca })).resolves.toContain('200 OK');
});

describe.each([
  ['attestation', attestationRoutes],
  ['key protection', keyProtectionRoutes],
])('the routes of %s', (_, table) => {
  const routes: RouteTable = table;
  it('refuse what their schemas do not say, before any handler', async () => {
    let calls = 0;
    const handler = async () => {
      calls++;
      return fail('not-ready', '');
    };
    const { token, sha256 } = createAdminToken();
    const real = createServer({
      routes,
      handlers: Object.fromEntries(Object.keys(routes).map((name) => [name, handler])),
      authenticate: adminTokens([{ name: 'alice', sha256 }]),
      tls: { ...pki.server, requestClientCertificate: true },
      logger: createLogger({ service: 'test', level: 'silent' }),
      ready: () => undefined,
      version: '0',
    });
    const at = await real.listen({ host: '127.0.0.1', port: 0 });
    const authorization = `Bearer ${token.use((bytes) => new TextDecoder().decode(bytes))}`;
    const id = '00000000-0000-4000-8000-000000000000';
    for (const { method, url, body: schema, bodyLimit = 0 } of Object.values(routes)) {
      const send = async (path: string, body?: string, headers: Record<string, string> = json) =>
        ask(at, method, path, {
          client: pki.client,
          headers: { authorization, ...(body === undefined ? {} : { ...headers, 'content-length': `${body.length}` }) },
          ...(body === undefined ? {} : { body }),
        });
      const good = url.replace(':id', id);
      const codes = [
        (await send(`${good}?unknown=1`)).json['code'],
        (await send(good, '{"unknown":1}')).json['code'],
        (await send(good, '{')).json['code'],
        ...(schema
          ? [
              (await send(good, '5')).json['code'],
              (await send(good, '{}', { 'content-type': 'text/plain' })).json['code'] === 'unsupported-media-type',
              (await send(good, ' '.repeat(bodyLimit + 1))).json['code'] === 'body-too-large',
            ]
          : []),
        ...(good === url ? [] : [(await send(url.replace(':id', 'x'))).json['code']]),
      ];
      expect([url, codes.filter((code) => code !== 'malformed-request' && code !== true)]).toEqual([url, []]);
    }
    expect(calls).toBe(0);
    await real.close();
  });
});
