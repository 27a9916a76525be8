import { utf8 } from '@sekimori/bytes';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import readAnyJson from '../fuzz/read-json.ts';
import { adminTokens, createAdminToken, createLogger, every, readJson, systemClock } from '../src/index.ts';
import { terminalJson } from '../src/program.ts';
import { networkOf, rateLimiter } from '../src/rate-limit.ts';

describe('terminalJson', () => {
  const steering = [
    '\u0000\u001b[2J',
    '\u007f\u0085\u009b31m',
    '\u00ad\u200b\u202e\u2066\ufeff',
    '\u2028\u2029',
    '\ue000\ud800',
  ];
  const document = {
    [steering.join('')]: [...steering, '\u{e0001}\u{10ffff}', '\\u202e\n"', '\\\u202e'],
    plain: 'ü 鍵 😀',
    n: [1, null],
  };
  it.each([0, 2])('leaves nothing that steers a terminal, and parses to the same, with indent %i', (indent) => {
    const written = terminalJson(document, indent);
    expect(written.replaceAll('\n', '')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(JSON.parse(written)).toEqual(document);
    expect(written).toContain('ü 鍵 😀');
    expect(written).toContain(String.raw`\udb40\udc01`);
  });
  it('is what JSON.stringify writes, where nothing steers', () => {
    const plain = { a: ['x "y"', { b: 1 }], c: [] };
    expect(terminalJson(plain)).toBe(JSON.stringify(plain));
    expect(terminalJson(plain, 2)).toBe(JSON.stringify(plain, null, 2));
  });
});

describe('readJson', () => {
  const text = String.raw`{"a": [1, -2.5e3, true, false, null, "q\"\\", {"b":{}}], "a\u0062": "}{\\\"", "":0}`;
  it('reads what JSON.parse reads', () => {
    expect(readJson(utf8(text))).toEqual({ ok: true, value: JSON.parse(text) });
    for (const scalar of ['0', '"x"', 'null', ' true ', '[]'])
      expect(readJson(utf8(scalar))).toEqual({ ok: true, value: JSON.parse(scalar) });
  });
  it.each([
    '{"a":1,"a":1}',
    '{"a":1,"b":{"c":1,"c":2}}',
    String.raw`{"a":1,"\u0061":1}`,
    '{"a":1,"a" \n\t:1}',
    `{"a":1,"a"${' '.repeat(5000)}:1}`,
    '[{"__proto__":1}]',
    '{"constructor":1}',
    '{"prototype":1}',
    `${'['.repeat(33)}${']'.repeat(33)}`,
    '{"a":1,}',
    "{'a':1}",
    'NaN',
    '',
    '{"a":1}}',
    '// no\n1',
  ])('refuses %s', (bad) => {
    expect(readJson(utf8(bad))).toMatchObject({ ok: false, fault: { code: 'malformed-json' } });
  });
  it('takes one key in two objects, and a key as a value', () => {
    expect(readJson(utf8('[{"a":"a"},{"a":["a","a"]}]')).ok).toBe(true);
    expect(readJson(utf8(`${'['.repeat(32)}${']'.repeat(32)}`)).ok).toBe(true);
  });
  it('never throws: each truncation, each flipped bit', () => {
    const bytes = utf8(text);
    for (let length = 0; length < bytes.length; length++) expect(readJson(bytes.subarray(0, length)).ok).toBe(false);
    for (let at = 0; at < bytes.length * 8; at++) {
      const flipped = Uint8Array.from(bytes);
      flipped[at >> 3] = (flipped[at >> 3] as number) ^ (1 << (at & 7));
      expect(() => readAnyJson(flipped)).not.toThrow();
    }
  });
});

describe('an administrator token', () => {
  it('is known by its hash, and each is another', () => {
    const [alice, bob] = [createAdminToken(), createAdminToken()];
    const textOf = (token: typeof alice): string => token.token.use((bytes) => new TextDecoder().decode(bytes));
    const authenticate = adminTokens([
      { name: 'alice', sha256: alice.sha256 },
      { name: 'bob', sha256: bob.sha256 },
    ]);
    expect(textOf(alice)).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(textOf(alice)).not.toBe(textOf(bob));
    expect([authenticate(textOf(alice)), authenticate(textOf(bob))]).toEqual(['alice', 'bob']);
    for (const wrong of ['', alice.sha256, textOf(createAdminToken()), `${textOf(alice)}A`, textOf(alice).slice(1)])
      expect(authenticate(wrong)).toBeUndefined();
    expect(adminTokens([])(textOf(alice))).toBeUndefined();
    expect(() => adminTokens([{ name: 'x', sha256: 'ab' }])).toThrow('x');
  });
});

describe('the rate limit', () => {
  it('gives a burst, then so many a second, to each address', () => {
    let now = 0;
    const allows = rateLimiter({ perSecond: 2, burst: 3 }, () => now);
    const burst = (address: string): boolean[] => [1, 2, 3, 4].map(() => allows(address));
    expect(burst('192.0.2.1')).toEqual([true, true, true, false]);
    expect(burst('192.0.2.2')).toEqual([true, true, true, false]);
    now = 0.5;
    expect([allows('192.0.2.1'), allows('192.0.2.1')]).toEqual([true, false]);
    now = 1000;
    expect(burst('192.0.2.1')).toEqual([true, true, true, false]);
  });
  it('takes one IPv6 site for one address', () => {
    expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe(networkOf('2001:db8:1:2::1'));
    expect(networkOf('2001:db8:1:3::1')).not.toBe(networkOf('2001:db8:1:2::1'));
    expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0');
    expect(networkOf('::1')).toBe('0:0:0:0');
  });
});

describe('the log', () => {
  it('does not print what must not be printed', () => {
    const lines: string[] = [];
    const log = createLogger({
      service: 't',
      level: 'nonsense',
      destination: { write: (line) => void lines.push(line) },
    });
    log.info({ token: 'hush', deep: { authorization: 'hush', fine: 1 } }, 'x');
    log.debug({}, 'not at this level');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('the log level is none of');
    expect(lines[1]).not.toContain('hush');
    expect(lines[1]).toContain('"fine":1');
  });
});

describe('a background task', () => {
  const lines: string[] = [];
  const logger = createLogger({ service: 't', destination: { write: (line) => void lines.push(line) } });
  it('never runs twice at once, goes on after a failure, and ends when stopped', async () => {
    let running = 0;
    let runs = 0;
    let enough: () => void = () => undefined;
    const fourTimes = new Promise<void>((resolve) => {
      enough = resolve;
    });
    let most = 0;
    const task = every(
      0.001,
      async () => {
        most = Math.max(most, ++running);
        await sleep(5);
        running--;
        if (++runs === 2) throw new Error('once');
        if (runs === 4) enough();
      },
      { name: 'poll', logger },
    );
    await fourTimes;
    await task.stop();
    const ended = runs;
    await sleep(20);
    expect([most, running, runs]).toEqual([1, 0, ended]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('once');
  });
  it('tells a running task to end', async () => {
    const task = every(1, async (signal) => sleep(60_000, undefined, { signal }), { name: 'long', logger });
    await task.stop();
    expect(lines).toHaveLength(1);
  });
});

it('has a clock', () => {
  expect(systemClock.now()).toBeInstanceOf(Date);
});
