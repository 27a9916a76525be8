import { once } from 'node:events';
import { access, chmod } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { OutageError } from '@sekimori/client';
import { route } from '@sekimori/protocol';
import { fail, ok } from '@sekimori/result';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { AgentOutageError, agentClient, runningAgent } from '../../src/agent/client.ts';
import { type AgentRoute, agentRoute } from '../../src/agent/routes.ts';
import { loadHostConfig } from '../../src/index.ts';
import { theAgent } from '../../src/program/actions/vm/agent.ts';
import { requestAction } from '../../src/program/actions/vm/recovery.ts';
import { vmRoutes } from '../../src/vm/api.ts';
import { expectOk } from '@sekimori/result';
import { anAgent } from '../support/agent-host.ts';
import { fakeTiming } from '../support/fake-timing.ts';
import { refusal } from '../support/fake-service.ts';
import { aFolder } from '../support/folders.ts';

const strict = { additionalProperties: false };
const Name = Type.String({ pattern: '^[a-z]+$' });
const greet = route({
  operationId: 'greet',
  method: 'POST',
  url: '/v1/things/:name/greet',
  role: 'anyone',
  summary: 'Greets',
  bodyLimit: 64,
  params: Type.Object({ name: Name }, strict),
  query: Type.Object({ times: Type.Optional(Type.Integer()) }, strict),
  body: Type.Object({ words: Type.String() }, strict),
  reply: Type.Object({ said: Type.String() }, strict),
});
const end = route({
  operationId: 'end',
  method: 'POST',
  url: '/v1/ends/:how',
  role: 'anyone',
  summary: 'Ends otherwise',
  params: Type.Object({ how: Type.String() }, strict),
  reply: Type.Object({}, strict),
});

const seen: unknown[] = [];
const waited = Promise.withResolvers<void>();
const ROUTES = [
  agentRoute(greet, async ({ params, query, body }) => {
    seen.push({ params, query, body });
    return ok({ said: `${body.words} ${params.name} ${query.times}` });
  }),
  agentRoute(end, async ({ params: { how } }) => {
    if (how === 'refused') return refusal('policy-denied', ['SecureBoot']);
    if (how === 'outage') throw new OutageError('https://hgs', 'gone');
    if (how === 'bug') throw new Error('a secret');
    if (how === 'fault') return fail('vm-unknown', 'no such VM');
    if (how === 'wrong-reply') return ok({ more: 1 });
    seen.push('asked');
    await waited.promise;
    seen.push('ended');
    return ok({});
  }),
];

/** An agent of a machine without anything, with routes of its own. */
async function aBareAgent(routes: readonly AgentRoute[] = ROUTES) {
  const folder = await aFolder();
  const env = { SEKIMORI_HOST_STATE_FOLDER: join(folder, 'state'), SEKIMORI_HOST_SOCKET: join(folder, 'run', 's') };
  const settings = expectOk(await loadHostConfig({ env }));
  return { settings, ...(await anAgent(settings, fakeTiming(), { routes })) };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: { readonly code?: string; readonly detail?: string };
}

/** Whatever a local program may send. */
async function send(
  socketPath: string,
  line: string,
  body = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const [method, path] = line.split(' ', 2);
  const outgoing = request({ socketPath, method, path, headers, agent: false });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const content = JSON.parse(await text(response)) as Answer['body'];
  return { status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body: content };
}

const json = { 'content-type': 'application/json' };
const good = JSON.stringify({ words: 'hello' });

describe('the socket of the agent', () => {
  it('takes what the schemas say', async () => {
    const { settings, client } = await aBareAgent();
    const greeted = await client.call(greet, { params: { name: 'bob' }, query: { times: 3 }, body: { words: 'hi' } });
    expect(greeted).toEqual(ok({ said: 'hi bob 3' }));
    expect(await send(settings.socket, 'POST /v1/things/bob/greet', good, json)).toMatchObject({ status: 200 });
  });

  it.each([
    ['an unknown route', 'GET /v1/nothing', '', {}, 404, 'not-found'],
    ['a name that walks up', 'POST /v1/things/../greet', good, json, 400, 'malformed-request'],
    ['a path that is not well-formed', 'POST /v1/things/%ff/greet', good, json, 404, 'not-found'],
    ['another method', 'GET /v1/things/bob/greet', '', {}, 405, 'method-not-allowed'],
    ['no name', 'POST /v1/things/b.b/greet', good, json, 400, 'malformed-request'],
    ['an unknown field', 'POST /v1/things/bob/greet', '{"words":"x","more":1}', json, 400, 'malformed-request'],
    ['a field twice', 'POST /v1/things/bob/greet', '{"words":"x","words":"y"}', json, 400, 'malformed-request'],
    ['no JSON', 'POST /v1/things/bob/greet', '{', json, 400, 'malformed-request'],
    ['no body', 'POST /v1/things/bob/greet', '', json, 400, 'malformed-request'],
    [
      'another type',
      'POST /v1/things/bob/greet',
      good,
      { 'content-type': 'text/plain' },
      415,
      'unsupported-media-type',
    ],
    ['a body that is too large', 'POST /v1/things/bob/greet', `"${'x'.repeat(64)}"`, json, 413, 'body-too-large'],
    ['an unknown query', 'POST /v1/things/bob/greet?loud=1', good, json, 400, 'malformed-request'],
    ['a query of another type', 'POST /v1/things/bob/greet?times=x', good, json, 400, 'malformed-request'],
    ['a query that no route takes', 'GET /v1/status?all=1', '', {}, 400, 'malformed-request'],
    ['a body that no route takes', 'POST /v1/attest', '{}', json, 400, 'malformed-request'],
  ])('refuses %s', async (_, line, body, headers, status, code) => {
    const { settings } = await aBareAgent();
    const before = seen.length;
    const answer = await send(settings.socket, line, body, headers);
    expect(answer).toMatchObject({ status, type: 'application/problem+json', body: { code } });
    expect(JSON.stringify(answer.body)).not.toContain('xxxx');
    expect(seen).toHaveLength(before);
  });

  it('outlives what is no HTTP at all', async () => {
    const { settings, client } = await aBareAgent();
    const socket = connect(settings.socket);
    socket.end('\u0000\u0001 nonsense\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 400 /);
    expect((await client.call(greet, { params: { name: 'bob' }, body: { words: 'x' } })).ok).toBe(true);
  });

  it('passes on the refusal of a service as the service made it, and a fault of its own as such', async () => {
    const { client } = await aBareAgent();
    const ended = (how: string) => client.call(end, { params: { how } });
    expect(await ended('refused')).toMatchObject({
      fault: { code: 'policy-denied', traceId: 'trace', subStatus: ['SecureBoot'] },
    });
    expect(await ended('fault')).toEqual({ ok: false, fault: { code: 'vm-unknown', detail: 'no such VM' } });
    expect(await ended('outage')).toEqual({
      ok: false,
      fault: { code: 'outage', detail: 'cannot use https://hgs: gone' },
    });
  });

  it('tells nothing of what nobody foresaw', async () => {
    const { client } = await aBareAgent();
    for (const how of ['bug', 'wrong-reply']) {
      const ended = await client.call(end, { params: { how } });
      expect(ended).toMatchObject({ ok: false, fault: { code: 'internal' } });
      expect(JSON.stringify(ended)).not.toContain('secret');
    }
  });

  it('is closed in order: requests in flight end, then what was started is closed', async () => {
    const { client, context, close } = await aBareAgent();
    context.onStop('started', async () => void seen.push('stopped'));
    seen.splice(0);
    const waiting = client.call(end, { params: { how: 'waits' } });
    await expect.poll(() => seen).toEqual(['asked']);
    const closed = close();
    waited.resolve();
    await closed;
    expect(await waiting).toEqual(ok({}));
    expect(seen).toEqual(['asked', 'ended', 'stopped']);
    await expect(client.call(end, { params: { how: 'fault' } })).rejects.toThrow(AgentOutageError);
  });
});

describe('the agent that runs', () => {
  it('is none where nobody listens, and none of another state folder', async () => {
    const { settings, close } = await aBareAgent();
    expect(await runningAgent(settings)).toBeDefined();
    expect(await runningAgent({ ...settings, stateFolder: '/other' })).toBeUndefined();
    expect(await runningAgent({ ...settings, socket: `${settings.socket}-2` })).toBeUndefined();
    await close();
    expect(await runningAgent(settings)).toBeUndefined();
  });

  it('is closed to another user than its own, which is another thing than none', async () => {
    const { settings } = await aBareAgent();
    const none = { ...settings, socket: `${settings.socket}-2` };
    const asRoot = process.getuid?.() === 0;
    expect(await theAgent(none)).toMatchObject({
      fault: { code: 'no-agent', detail: `no agent listens at ${none.socket}` },
    });
    await chmod(settings.socket, 0o000);
    if (asRoot) process.seteuid!(65534);
    try {
      expect(await theAgent(settings)).toMatchObject({
        fault: { code: 'no-agent', detail: expect.stringContaining('by its own user only') as string },
      });
    } finally {
      if (asRoot) process.seteuid!(0);
    }
  });

  it('writes no file of an answer that is none', async () => {
    const out = join(await aFolder(), 'request');
    const { client } = await aBareAgent([agentRoute(vmRoutes.recoveryRequest, async () => ok({ request: '*' }))]);
    const asked = await requestAction(client, { args: ['db1'], env: {}, options: { out } });
    expect(asked).toMatchObject({ fault: { code: 'service-unexpected' } });
    await expect(access(out)).rejects.toThrow('ENOENT');
  });

  it('is told from one that cannot be asked', async () => {
    const folder = await aFolder();
    const client = agentClient(join(folder, 'none'));
    await expect(client.call(greet, { params: { name: 'x' }, body: { words: 'x' } })).rejects.toThrow(
      `cannot use the agent at ${join(folder, 'none')}`,
    );
  });
});
