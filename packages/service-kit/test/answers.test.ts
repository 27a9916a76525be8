import { createConnection } from 'node:net';
import { connect } from 'node:tls';
import { Agent } from 'node:https';
import { fail, ok } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import type { Handlers } from '../src/index.ts';
import { ask, keyPem, pki, problemIn, sendRaw, startServer, type TestRoutes } from './support.ts';

const body = '{"text":"x"}';
const headers = { 'content-type': 'application/json' };

describe('a handler', () => {
  const answerOf = async (addNote: Handlers<TestRoutes>['addNote']) => {
    const server = await startServer({ handlers: { addNote } });
    const answer = await ask(server, 'POST', '/v1/notes', { body, headers });
    return { answer, log: JSON.stringify(server.log()) };
  };
  const expectInternal = ({ answer, log }: Awaited<ReturnType<typeof answerOf>>, logged: string): void => {
    expect(answer.json).toEqual({
      type: 'urn:sekimori:fault:internal',
      title: 'the service failed; nothing was granted',
      status: 500,
      code: 'internal',
      detail: 'look for the trace id in its log',
      traceId: answer.headers['x-trace-id'],
    });
    expect(log).toContain(logged);
    expect(log).toContain(String(answer.headers['x-trace-id']));
  };

  it('refuses with its code, its words and the names of what failed', async () => {
    const { answer } = await answerOf(async () => ({
      ok: false,
      fault: { code: 'policy-denied', detail: 'the policy refuses it', subStatus: ['SecureBoot'], at: 'within' },
    }));
    expect(answer.status).toBe(403);
    expect(answer.json).toMatchObject({
      code: 'policy-denied',
      detail: 'the policy refuses it',
      subStatus: ['SecureBoot'],
    });
    expect(answer.text).not.toContain('within');
  });
  it('that throws tells the log, not the client', async () => {
    expectInternal(await answerOf(async () => Promise.reject(new Error('disk on fire'))), 'disk on fire');
  });
  it('that throws what looks like an error of the framework is internal all the same', async () => {
    for (const error of [
      { code: 'ECONNRESET' },
      { statusCode: 400, code: 'FST_ERR_CTP_BODY_TOO_LARGE' },
      { validation: [{ keyword: 'type', instancePath: '', params: {} }] },
    ])
      expectInternal(await answerOf(async () => Promise.reject(Object.assign(new Error('odd'), error))), 'odd');
  });
  it('with a code that nobody listed is internal', async () => {
    expectInternal(await answerOf(async () => fail('made-up' as 'internal', 'hush')), 'made-up');
  });
  it('cannot leak a field that the schema does not have', async () => {
    const reply = { text: 'x', privateKey: 'hush' };
    const outcome = await answerOf(async () => ok(reply));
    expectInternal(outcome, 'the reply of addNote');
    expect(outcome.log).not.toContain('hush');
  });
});

it('logs one line a request, without what was sent', async () => {
  const server = await startServer();
  await ask(server, 'POST', '/v1/notes', {
    body: '{"text":"hush"}',
    headers: { ...headers, authorization: 'Bearer hush' },
  });
  await ask(server, 'GET', '/no/such/hush?hush');
  const undecoded = await ask(server, 'GET', '/v1/notes/%ffhush/seen');
  const lines = server.log().filter(({ msg }) => msg === 'request');
  expect(lines).toMatchObject([
    { method: 'POST', route: '/v1/notes', operation: 'addNote', status: 200, actor: 'anyone', level: 'info' },
    { method: 'GET', route: '(none)', status: 404, code: 'not-found', actor: 'nobody' },
    { method: 'GET', route: '(none)', status: 400, code: 'malformed-request', traceId: undecoded.json['traceId'] },
  ]);
  for (const line of lines)
    expect(Object.keys(line)).toEqual(expect.arrayContaining(['ms', 'traceId', 'time', 'service']));
  expect(JSON.stringify(lines)).not.toContain('hush');
});

it('says why it is not ready', async () => {
  const server = await startServer({ ready: () => ({ code: 'stale', detail: 'the revocations are 40 s old' }) });
  expect((await ask(server, 'GET', '/healthz')).json).toEqual({ ok: true });
  expect((await ask(server, 'GET', '/readyz')).json).toMatchObject({
    code: 'not-ready',
    status: 503,
    detail: 'the revocations are 40 s old',
  });
  expect((await ask(await startServer(), 'GET', '/readyz')).json).toEqual({ ready: true });
});

describe('limits', () => {
  it('an address that asks too often waits; administrators do not', async () => {
    const server = await startServer({ limits: { requestsPerSecond: 0.001, requestBurst: 3 } });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push((await ask(server, 'POST', '/v1/notes', { body, headers })).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    const refused = await ask(server, 'POST', '/v1/releases', { body, headers, client: pki.client });
    expect(refused.json).toMatchObject({ code: 'too-many-requests' });
    expect(refused.headers['retry-after']).toBe('1');
    const bearer = { authorization: `Bearer ${server.token}` };
    expect((await ask(server, 'POST', '/v1/notes/retire', { headers: bearer })).status).toBe(200);
  });

  it('a header that comes slowly is cut off', async () => {
    const server = await startServer({ limits: { headerSeconds: 1, requestSeconds: 2 } });
    expect(problemIn(await sendRaw(server, 'GET /healthz HTTP/1.1\r\nHost: a\r\nX'))).toMatchObject({
      code: 'malformed-request',
    });
  });

  it('a body that comes slowly is cut off', async () => {
    const server = await startServer({ limits: { headerSeconds: 1, requestSeconds: 1 } });
    const head =
      'POST /v1/notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"te';
    const answer = await sendRaw(server, head);
    expect(answer.match(/HTTP\/1.1/g)).toHaveLength(1);
    expect(problemIn(answer)).toMatchObject({
      code: 'malformed-request',
      detail: 'the request did not arrive in time',
    });
    expect(server.calls()).toBe(0);
  });

  it('a connection that says nothing is cut off, before and after the handshake', async () => {
    const server = await startServer({ limits: { headerSeconds: 1, requestSeconds: 1, handshakeSeconds: 1 } });
    expect(await sendRaw(server, '')).toContain('did not arrive in time');
    const silent = createConnection({ host: '127.0.0.1', port: server.port });
    await new Promise((resolve) => silent.on('error', resolve).on('close', resolve));
  });

  it('one address has its share of connections, and no more', async () => {
    const server = await startServer({ limits: { connectionsPerAddress: 2 } });
    const agent = new Agent({ keepAlive: true });
    const first = connect({ host: '127.0.0.1', port: server.port, ca: pki.ca });
    await new Promise((resolve) => first.once('secureConnect', resolve));
    expect((await ask(server, 'GET', '/healthz', { agent })).status).toBe(200);
    await expect(ask(server, 'GET', '/healthz')).rejects.toThrow(/hang up|ECONNRESET|disconnected/);
    first.destroy();
    agent.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await ask(server, 'GET', '/healthz')).status).toBe(200);
  });
});

it('resumes no TLS session: each connection proves its client key', async () => {
  const server = await startServer();
  const sessions: Buffer[] = [];
  const options = { host: '127.0.0.1', port: server.port, ca: pki.ca, key: keyPem(pki.client), cert: pki.client.cert };
  const visit = async (session?: Buffer): Promise<boolean | undefined> =>
    new Promise((resolve, reject) => {
      let reused: boolean | undefined;
      const socket = connect({ ...options, ...(session ? { session } : {}) }, () => {
        reused = socket.isSessionReused();
        socket.write('GET /healthz HTTP/1.0\r\n\r\n');
      });
      socket.on('session', (ticket) => sessions.push(ticket));
      socket.on('error', reject);
      socket.on('close', () => resolve(reused));
      socket.resume();
    });
  await visit();
  expect(await visit(sessions[0])).toBe(false);
});

it('lets requests in flight end, and takes no more, when it closes', async () => {
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let entered: () => void = () => undefined;
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const server = await startServer({
    handlers: {
      addNote: async ({ body: note }) => {
        entered();
        await gate;
        return ok(note);
      },
    },
  });
  const agent = new Agent({ keepAlive: true });
  const slow = ask(server, 'POST', '/v1/notes', { body, headers, agent });
  await inside;
  const closed = server.close();
  await expect(ask(server, 'GET', '/healthz')).rejects.toThrow('ECONNREFUSED');
  release();
  const answer = await slow;
  expect(answer.json).toEqual({ text: 'x' });
  expect(answer.headers['connection']).toBe('close');
  await closed;
  agent.destroy();
});

it('cuts a request that does not end', async () => {
  let entered: () => void = () => undefined;
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const server = await startServer({
    limits: { closeSeconds: 0.05 },
    handlers: {
      addNote: async () => {
        entered();
        return new Promise(() => undefined);
      },
    },
  });
  const stuck = ask(server, 'POST', '/v1/notes', { body, headers }).catch((error: Error) => error.message);
  await inside;
  await server.close();
  expect(await stuck).toMatch(/hang up|ECONNRESET/);
});

it('says in words for people why it cannot listen', async () => {
  const first = await startServer();
  const { createLogger, createServer } = await import('../src/index.ts');
  const second = createServer({
    routes: {},
    handlers: {},
    authenticate: () => undefined,
    tls: { insecurePlainHttp: true },
    logger: createLogger({ service: 'test', level: 'silent' }),
    ready: () => undefined,
    version: '0',
  });
  await expect(second.listen({ host: '127.0.0.1', port: first.port })).rejects.toThrow('another program has this port');
  await second.close();
});
