import { concat, copyOf, toHex } from '@sekimori/bytes';
import { encode, u16le, u32le } from '@sekimori/codec';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import fuzz from '../fuzz/parse.ts';
import { factsOf, LOG_LIMITS, parseEventLog, reconcile } from '../src/index.ts';
import { bootBytes, quotedBoot } from './boots.ts';

const bytes = bootBytes('uki-plain');
const firstEvent = expectOk(parseEventLog(bytes)).events[1]?.offset as number;
const header = bytes.subarray(0, firstEvent);
const codeOf = (log: Uint8Array) => {
  const outcome = parseEventLog(log);
  return outcome.ok ? 'parsed' : outcome.fault.code;
};
const event = (count: number, digests: Uint8Array, size: number, data = new Uint8Array()) =>
  concat(encode(u32le, 4), encode(u32le, 5), encode(u32le, count), digests, encode(u32le, size), data);
const sha256 = concat(encode(u16le, 0x000b), new Uint8Array(32).fill(1));

describe('every input is a value or a fault', () => {
  it('truncated at each length', () => {
    for (let length = 0; length < bytes.length; length++) fuzz(bytes.subarray(0, length));
  });

  it('a byte more', () => {
    for (const byte of [0x00, 0x01, 0xff]) fuzz(concat(bytes, Uint8Array.of(byte)));
    expect(codeOf(concat(bytes, Uint8Array.of(1)))).toBe('log-malformed');
  });

  it('each byte changed, and then no fact that the quote vouches for is another one', () => {
    const quoted = quotedBoot('uki-plain');
    const honest = JSON.stringify(factsOf(expectOk(reconcile(nodeCrypto, expectOk(parseEventLog(bytes)), quoted))));
    for (let at = 0; at < bytes.length; at++) {
      const changed = copyOf(bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      if (at % 8 === 0) fuzz(changed);
      const log = parseEventLog(changed);
      const accepted = log.ok && reconcile(nodeCrypto, log.value, quoted);
      if (accepted && accepted.ok) expect(JSON.stringify(factsOf(accepted.value)), `byte ${at}`).toBe(honest);
    }
  });

  it('a log of three banks, the same', () => {
    const three = bootBytes('uki-plain-3banks');
    for (let at = 0; at < three.length; at += 29) {
      const changed = copyOf(three);
      changed[at] = (changed[at] as number) ^ 0xff;
      fuzz(changed);
      fuzz(three.subarray(0, at));
    }
  });
});

describe('bounds', () => {
  it('an empty log, and one of padding alone', () => {
    expect(codeOf(new Uint8Array())).toBe('log-empty');
    expect(codeOf(new Uint8Array(64))).toBe('log-empty');
  });

  it('says where the events end and the padding begins', () => {
    const log = concat(header, event(1, sha256, 0));
    const lengthOf = (padded: Uint8Array) => expectOk(parseEventLog(padded)).length;
    for (const padding of [0, 1, 4096]) expect(lengthOf(concat(log, new Uint8Array(padding)))).toBe(log.length);
    expect(lengthOf(concat(log, new Uint8Array(16).fill(0xff)))).toBe(log.length); // of which none is an event's
  });

  it('more bytes than a log may have', () => {
    expect(codeOf(new Uint8Array(LOG_LIMITS.bytes + 1).fill(1))).toBe('log-too-large');
  });

  it('more events than a log may have', () => {
    const one = event(1, sha256, 0);
    const many = concat(header, ...Array.from({ length: LOG_LIMITS.events - 1 }, () => one), Uint8Array.of());
    expect(codeOf(many)).toBe('parsed');
    expect(codeOf(concat(many, one, Uint8Array.of(0)))).toBe('log-malformed');
  });

  it.each([
    ['a digest count of FFFFFFFF', event(0xffffffff, sha256, 0)],
    ['more digests than the header has algorithms', event(2, concat(sha256, sha256), 0)],
    ['event data of 1 GiB', event(1, sha256, 1 << 30)],
    ['event data beyond the end', event(1, sha256, 9, new Uint8Array(4))],
    ['a digest of an algorithm outside the header', event(1, concat(encode(u16le, 4), new Uint8Array(20)), 0)],
    ['a digest of an unknown algorithm', event(1, concat(encode(u16le, 0x99), new Uint8Array(32)), 0)],
  ])('%s', (_, more) => {
    expect(parseEventLog(concat(header, more, Uint8Array.of(1)))).toMatchObject({ fault: { code: 'log-malformed' } });
  });

  it('a PCR that no TPM has', () => {
    expect(codeOf(concat(header, encode(u32le, 24), event(1, sha256, 0).subarray(4)))).toBe('log-malformed');
  });
});

describe('padding', () => {
  it.each([0x00, 0xff])('of %d at the end is none of the log', (byte) => {
    const padded = concat(bytes, new Uint8Array(4096).fill(byte));
    expect(expectOk(parseEventLog(padded)).events).toHaveLength(expectOk(parseEventLog(bytes)).events.length);
  });

  it('with anything behind it is refused', () => {
    expect(codeOf(concat(bytes, new Uint8Array(64).fill(0xff), Uint8Array.of(1)))).toBe('log-malformed');
  });
});

describe('the header', () => {
  const specId = (
    algorithms: readonly (readonly [number, number])[],
    tail = Uint8Array.of(0),
    uintn = 2,
    count = algorithms.length,
  ) => {
    const list = concat(...algorithms.map(([id, size]) => concat(encode(u16le, id), encode(u16le, size))));
    const start = concat(new TextEncoder().encode('Spec ID Event03\0'), Uint8Array.of(0, 0, 0, 0, 0, 2, 0, uintn));
    const data = concat(start, encode(u32le, count), list, tail);
    return concat(encode(u32le, 0), encode(u32le, 3), new Uint8Array(20), encode(u32le, data.length), data);
  };
  const one = event(1, sha256, 1, Uint8Array.of(1));

  it('is read as it should be', () => {
    expect(toHex(specId([[0x0b, 32]]))).toBe(toHex(header));
    expect(codeOf(concat(specId([[0x0b, 32]]), one))).toBe('parsed');
  });

  it('may list an algorithm that nobody here computes', () => {
    const log = expectOk(
      parseEventLog(
        concat(
          specId([
            [0x0b, 32],
            [0x12, 32],
          ]),
          one,
        ),
      ),
    );
    expect(log.banks).toEqual(['sha256', 'sm3_256']);
  });

  it.each([
    ['no algorithm', specId([])],
    [
      'an unknown algorithm',
      specId([
        [0x0b, 32],
        [0x99, 32],
      ]),
    ],
    ['a size that is not the algorithm’s', specId([[0x0b, 20]])],
    [
      'an algorithm twice',
      specId([
        [0x0b, 32],
        [0x0b, 32],
      ]),
    ],
    ['FFFFFFFF algorithms', specId([[0x0b, 32]], Uint8Array.of(0), 2, 0xffffffff)],
    ['a word size that is none', specId([[0x0b, 32]], Uint8Array.of(0), 3)],
    ['more vendor information than announced', specId([[0x0b, 32]], Uint8Array.of(1, 2, 3))],
    ['another PCR', concat(Uint8Array.of(1), header.subarray(1))],
    ['another type', concat(header.subarray(0, 4), Uint8Array.of(4), header.subarray(5))],
    ['a digest', concat(header.subarray(0, 8), Uint8Array.of(1), header.subarray(9))],
  ])('with %s is refused', (_, bad) => {
    expect(codeOf(concat(bad, one))).toBe('log-malformed');
  });
});
