import { EventEmitter } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { connect } from 'node:tls';
import { utf8 } from '@sekimori/bytes';
import { ok } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { createLogger, createServer, readJson } from '../src/index.ts';
import { bodyBudget } from '../src/body.ts';
import { JSON_LIMITS } from '../src/json.ts';
import { rateLimiter } from '../src/rate-limit.ts';
import { ask, pki, problemIn, sendRaw, startServer, testRoutes } from './support.ts';

const headers = { 'content-type': 'application/json' };
const KIB = 1024;

describe('a JSON key bomb', () => {
  const keys = (count: number): string => Array.from({ length: count }, (_, i) => `"${i}":1`).join(',');
  // What follows is worse, and would be told of if the scan came so far.
  const unseen = String.raw`,"x":"\ud800"}`;
  it('ends the scan at the key that is too many', () => {
    expect(readJson(utf8(`{${keys(JSON_LIMITS.keys)}}`)).ok).toBe(true);
    expect(readJson(utf8(`{${keys(JSON_LIMITS.keys + 1)}${unseen}`))).toMatchObject({
      fault: { detail: 'an object of more than 256 keys' },
    });
  });
  it.each([
    ['empty lists', '[],'],
    ['empty objects', '{},'],
    ['numbers', '0,'],
    ['objects of one key', '{"a":0},'],
  ])('ends the scan at the value that is too many: %s', (_, value) => {
    const bomb = `{"a":[${value.repeat(JSON_LIMITS.values)}0]${unseen}`;
    expect(readJson(utf8(bomb))).toMatchObject({ fault: { detail: 'more than 16384 values' } });
  });
});

describe('idle uploads', () => {
  const budget = 128 * KIB * KIB;
  const upload = (meterBody: ReturnType<typeof bodyBudget>, ip: string, announced?: number) => {
    const answer = new EventEmitter();
    return { charge: meterBody({ ip, announced }, answer), close: () => answer.emit('close') };
  };

  it('claim nothing by what they announce', () => {
    const meterBody = bodyBudget(budget);
    for (let i = 0; i < 1000; i++) upload(meterBody, '192.0.2.1', 2 * KIB * KIB).charge(1);
    expect(upload(meterBody, '192.0.2.1', 2 * KIB * KIB).charge(2 * KIB * KIB)).toBeUndefined();
  });
  it('of one network take an eighth at most, and give it back', () => {
    const meterBody = bodyBudget(budget);
    const first = upload(meterBody, '2001:db8::1');
    expect(first.charge(budget / 8)).toBeUndefined();
    expect(upload(meterBody, '2001:db8::2').charge(1)).toMatchObject({ code: 'too-many-requests' });
    expect(upload(meterBody, '2001:db8:0:1::1').charge(budget / 8)).toBeUndefined();
    first.close();
    first.close();
    expect(upload(meterBody, '2001:db8::2').charge(budget / 8)).toBeUndefined();
    expect(upload(meterBody, '2001:db8::2').charge(1)).toMatchObject({ code: 'too-many-requests' });
  });
  it('of many networks leave room for small bodies, and small ones for long', () => {
    const meterBody = bodyBudget(budget);
    const long = Array.from({ length: 8 }, (_, i) => upload(meterBody, `192.0.2.${i}`));
    for (const { charge } of long) expect(charge(budget / 8)).toBeUndefined();
    expect(upload(meterBody, '198.51.100.1').charge(1)).toMatchObject({ code: 'not-ready' });
    expect(upload(meterBody, '198.51.100.1', 16 * KIB).charge(16 * KIB)).toBeUndefined();
    expect(upload(meterBody, '198.51.100.1', 16 * KIB + 1).charge(1)).toMatchObject({ code: 'not-ready' });
    for (const { close } of long) close();
    expect(upload(meterBody, '198.51.100.1').charge(1)).toBeUndefined();
  });
  const begun = 'POST /v1/notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{';
  // An eighth for small bodies, and of that an eighth for one address: 600.
  it('do not lock a route, whatever they announced', async () => {
    const server = await startServer({ limits: { bodyBytes: 64 * 600 } });
    const slow = Array.from({ length: 16 }, () => connect({ host: '127.0.0.1', port: server.port, ca: pki.ca }));
    await Promise.all(slow.map((socket) => new Promise((sent) => void socket.write(begun, sent))));
    expect((await ask(server, 'POST', '/v1/notes', { body: '{"text":"x"}', headers })).status).toBe(200);
    for (const socket of slow) socket.destroy();
  });
  it('are refused while they arrive where an address has no more', async () => {
    const server = await startServer({ limits: { bodyBytes: 64 } });
    const answer = await ask(server, 'POST', '/v1/notes', { body: '{"text":"0123456789"}', headers });
    expect(answer.json).toMatchObject({ code: 'too-many-requests' });
    expect(server.calls()).toBe(0);
  });
  it('end at the slowest rate that is waited for', async () => {
    const server = await startServer({ limits: { bodyGraceSeconds: 0.1, bodyBytesPerSecond: 1000 } });
    const answer = await sendRaw(server, begun);
    expect(problemIn(answer)).toMatchObject({
      code: 'malformed-request',
      detail: 'the request did not arrive in time',
    });
    expect(answer.match(/HTTP\/1.1/g)).toHaveLength(1);
    expect(server.calls()).toBe(0);
  });
  it('give back what they hold when their connection ends', async () => {
    const server = await startServer({ limits: { bodyBytes: 64 * 600 } });
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: pki.ca }, () => {
      socket.write(begun + ' '.repeat(400));
    });
    const long = `{"text":"x"${' '.repeat(300)}}`;
    const send = async () => (await ask(server, 'POST', '/v1/notes', { body: long, headers })).status;
    while ((await send()) !== 429);
    socket.destroy();
    while ((await send()) !== 200);
    expect(await send()).toBe(200);
  });
});

it('a slow reader is cut off, and does not hold its answer for ever', async () => {
  const long = 32 * KIB * KIB; // more than the system's buffers hold
  const server = createServer({
    routes: { seen: testRoutes.seen },
    handlers: { seen: async () => ok({ actor: 'x'.repeat(long), query: null }) },
    authenticate: () => undefined,
    tls: { insecurePlainHttp: true },
    limits: { answerSeconds: 0.2 },
    logger: createLogger({ service: 'test', level: 'silent' }),
    ready: () => undefined,
    version: '0',
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const socket = connectPlain({ host: '127.0.0.1', port });
  socket.pause(); // and is never read while the answer waits
  socket.write('GET /v1/notes/a/seen HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await new Promise((resolve) => socket.on('error', resolve).on('close', resolve).resume());
  expect(received).toBeLessThan(long);
  await server.close();
});

describe('a rate limit table that is flushed', () => {
  const rate = { perSecond: 50, burst: 200 };
  it('passes no more of one /48 than its neighbourhood may', () => {
    const may = rateLimiter(rate, () => 0);
    let passed = 0;
    for (let i = 0; i < 20_001; i++) if (may(`2001:db8:1:${i.toString(16)}::1`)) passed++;
    expect(passed).toBe(16 * rate.burst);
  });
  it('does not forget an address for others', () => {
    const may = rateLimiter(rate, () => 0);
    let passed = 0;
    for (let i = 0; i < 2000; i++) {
      if (may('192.0.2.1')) passed++;
      for (let j = 0; j < 40; j++) may(`2001:db8:${((i * 40 + j) % 65_536).toString(16)}::1`);
    }
    expect(passed).toBe(rate.burst);
  });
  it('gives those who find no room one bucket together, and room when there is some again', () => {
    let now = 0;
    const may = rateLimiter(rate, () => now);
    let passed = 0;
    for (let i = 0; i < 60_000; i++) if (may(`2001:${i.toString(16)}:1::1`)) passed++;
    expect(passed).toBe(10_000 + 16 * rate.burst);
    now = 5;
    expect([may('192.0.2.1'), may('2001:db8::1')]).toEqual([true, true]);
  });
  it('an address over its limit does not use up that of its neighbours', () => {
    const may = rateLimiter(rate, () => 0);
    for (let i = 0; i < 100_000; i++) may('192.0.2.1');
    expect(may('192.0.2.2')).toBe(true);
  });
});

describe('an unmetered path', () => {
  const bad = { authorization: `Bearer ${'A'.repeat(43)}` };
  it.each<readonly [string, string, string, Record<string, string>, number]>([
    ['an administrator route without its token', 'POST', '/v1/notes/retire', bad, 401],
    ['an address that is not there', 'GET', '/no/such', {}, 404],
    ['a method that is not there', 'DELETE', '/v1/notes', {}, 405],
    ['an address that cannot be decoded', 'GET', '/v1/notes/%ff/seen', {}, 400],
  ])('is none: %s', async (_, method, path, sent, status) => {
    const server = await startServer({ limits: { requestsPerSecond: 0.001, requestBurst: 2 } });
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask(server, method, path, { headers: sent })).status);
    expect(statuses).toEqual([status, status, 429]);
    const token = { authorization: `Bearer ${server.token}` };
    expect((await ask(server, 'POST', '/v1/notes/retire', { headers: token })).status).toBe(200);
  });
  it('is none: what is not HTTP', async () => {
    const server = await startServer({ limits: { requestsPerSecond: 0.001, requestBurst: 2 } });
    for (let i = 0; i < 2; i++) expect(await sendRaw(server, 'what?\r\n\r\n')).toContain('malformed-request');
    expect(await sendRaw(server, 'what?\r\n\r\n').catch(() => '')).toBe('');
    expect((await ask(server, 'GET', '/healthz')).status).toBe(429);
  });
});
