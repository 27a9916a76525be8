import { concat, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { LineReader, parseQmpMessage } from '../src/qmp-message.ts';

const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}';
const EVENT =
  '{"timestamp": {"seconds": 1795865398, "microseconds": 277219}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}';
const REFUSAL = '{"id": 7, "error": {"class": "GenericError", "desc": "no such thing"}}';

const parse = (text: string) => parseQmpMessage(utf8(text));

describe('a line of QEMU', () => {
  it('is a greeting, an answer, a refusal or an event', () => {
    expect(expectOk(parse(GREETING))).toEqual({ type: 'greeting', version: '7.2.22' });
    expect(expectOk(parse('{"return": {"running": true}, "id": 3}'))).toEqual({
      type: 'return',
      id: 3,
      value: { running: true },
    });
    expect(expectOk(parse(REFUSAL))).toEqual({
      type: 'error',
      id: 7,
      class: 'GenericError',
      description: 'no such thing',
    });
    expect(expectOk(parse(EVENT))).toEqual({
      type: 'event',
      event: { name: 'SHUTDOWN', data: { guest: true, reason: 'guest-shutdown' }, at: 1795865398277.219 },
    });
  });

  it('has no time where the clock of the host failed', () => {
    const { event } = expectOk(parse('{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "STOP"}')) as {
      event: { at: number };
    };
    expect(event.at).toBeNaN();
  });

  it.each([
    ['no object', '7'],
    ['an array', '[{"return": {}, "id": 1}]'],
    ['null', 'null'],
    ['an answer without id', '{"return": {}}'],
    ['an answer to a text', '{"return": {}, "id": "1"}'],
    ['an answer to a fraction', '{"return": {}, "id": 1.5}'],
    ['a refusal without class', '{"id": 1, "error": {"desc": "x"}}'],
    ['a refusal with an odd id', '{"id": {}, "error": {"class": "x", "desc": "x"}}'],
    ['an event that is no text', '{"event": {}}'],
    ['nothing', ''],
    ['two values', '{"return": {}, "id": 1}{}'],
    ['very deep', '['.repeat(200_000)],
  ])('is a fault: %s', (_, text) => {
    expect(parse(text)).toMatchObject({ ok: false, fault: { code: 'qmp-malformed' } });
  });

  it('is a message or a fault, whatever was cut off or changed', () => {
    for (const text of [GREETING, EVENT, REFUSAL]) {
      const bytes = utf8(text);
      for (let length = 0; length < bytes.length; length++)
        expect(parseQmpMessage(bytes.subarray(0, length)).ok, text.slice(0, length)).toBe(false);
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.slice();
        changed[at]! ^= 0x84;
        expect(() => parseQmpMessage(changed)).not.toThrow();
      }
    }
  });
});

describe('lines', () => {
  it('come whole, however they were cut', () => {
    const stream = utf8('{"a":1}\r\n{"b":"\\n"}\n\nrest');
    for (let size = 1; size <= stream.length; size++) {
      const reader = new LineReader(64);
      const lines: string[] = [];
      for (let at = 0; at < stream.length; at += size)
        lines.push(
          ...expectOk(reader.push(stream.subarray(at, at + size))).map((line) => new TextDecoder().decode(line)),
        );
      expect(lines, `in pieces of ${size}`).toEqual(['{"a":1}\r', '{"b":"\\n"}', '']);
    }
  });

  it('are bounded, finished or not', () => {
    const reader = new LineReader(8);
    expect(reader.push(utf8('12345678\n')).ok).toBe(true);
    expect(reader.push(concat(utf8('123456789'), utf8('\n')))).toMatchObject({ fault: { code: 'qmp-malformed' } });
    const slow = new LineReader(8);
    const pushed = Array.from({ length: 10 }, () => slow.push(utf8('1')).ok);
    expect(pushed.filter((fits) => fits)).toHaveLength(9); // begins anew after the fault, so it never holds more
  });
});
