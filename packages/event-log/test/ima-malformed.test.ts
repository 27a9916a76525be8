import { concat, copyOf, utf8 } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import fuzz from '../fuzz/ima.ts';
import { IMA_LIMITS, parseImaList, replayIma } from '../src/index.ts';
import { fields, file, listBytes, number, oldFile, pcr10, record, sizedField, violation } from './ima-lists.ts';

const measured = [file('boot_aggregate'), file('/usr/bin/sh'), violation('/tmp/log'), oldFile('/sbin/init')];
const bytes = listBytes(...measured);
const codeOf = (list: Uint8Array) => {
  const outcome = parseImaList(list);
  return outcome.ok ? 'parsed' : outcome.fault.code;
};
/** PCR, template hash, then what is given. */
const entry = (...parts: readonly Uint8Array[]) => concat(number(10), new Uint8Array(20).fill(1), ...parts);
const name = (text: string) => sizedField(utf8(text));

describe('every input is a value or a fault', () => {
  it('truncated at each length: what is left is a list only where an entry ends', () => {
    const ends = new Set(measured.map((_, at) => listBytes(...measured.slice(0, at + 1)).length));
    for (let length = 1; length < bytes.length; length++) {
      fuzz(bytes.subarray(0, length));
      expect(codeOf(bytes.subarray(0, length)), `${length} bytes`).toBe(ends.has(length) ? 'parsed' : 'ima-malformed');
    }
  });

  it('a byte more', () => {
    expect(codeOf(concat(bytes, Uint8Array.of(0)))).toBe('ima-malformed');
  });

  it('each bit changed: no other list replays to the quote, but for what nothing vouches for in a violation', () => {
    const quoted = pcr10('sha256', measured);
    const start = listBytes(...measured.slice(0, 2)).length;
    const end = start + record(measured[2]!).length;
    for (let at = 0; at < bytes.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const changed = copyOf(bytes);
        changed[at] = changed[at]! ^ (1 << bit);
        fuzz(changed);
        const list = parseImaList(changed);
        const accepted = list.ok && replayIma(nodeCrypto, list.value, 'sha256', quoted).ok;
        // the name of a template is in no digest either; those with the same data are told apart by nothing
        const isName = [0, 1, 2, 3].some((nth) => isInName(at, nth));
        if (accepted && !isName) expect([at >= start, at < end], `bit ${bit} of byte ${at}`).toEqual([true, true]);
      }
  });

  function isInName(at: number, nth: number): boolean {
    const start = listBytes(...measured.slice(0, nth)).length + 28;
    return at >= start && at < start + measured[nth]!.template.length;
  }
});

describe('bounds', () => {
  it('an empty list', () => {
    expect(codeOf(new Uint8Array())).toBe('ima-empty');
  });

  it('more bytes than a list may have', () => {
    expect(codeOf(new Uint8Array(IMA_LIMITS.bytes + 1))).toBe('ima-too-large');
  });

  it('as many entries as there may be replay to their quote; one more is refused', () => {
    const one = { template: '?', data: new Uint8Array() };
    const bytesOfOne = record(one);
    const many = new Uint8Array(bytesOfOne.length * (IMA_LIMITS.entries + 1));
    for (let at = 0; at < many.length; at += bytesOfOne.length) many.set(bytesOfOne, at);
    expect(codeOf(many)).toBe('ima-malformed');
    const list = expectOk(parseImaList(many.subarray(bytesOfOne.length)));
    const all = Array.from({ length: IMA_LIMITS.entries }, () => one);
    expect(expectOk(replayIma(nodeCrypto, list, 'sha256', pcr10('sha256', all))).entries).toHaveLength(all.length);
  });

  it.each([
    ['a PCR that no TPM has', concat(number(24), bytes.subarray(4))],
    ['a template without a name', entry(number(0), number(0))],
    ['a name of 4 GiB', entry(number(0xffffffff), utf8('ima-ng'))],
    ['a name that is no word', entry(name('ima ng'), number(0))],
    ['a name that is no UTF-8', entry(sizedField(Uint8Array.of(0xff, 0xfe)), number(0))],
    ['data of 4 GiB', entry(name('ima-ng'), number(0xffffffff))],
    [
      'data of an unknown template beyond the bound',
      entry(name('?'), number(IMA_LIMITS.dataBytes + 1), new Uint8Array(1 << 17)),
    ],
    ['data beyond the end', entry(name('?'), number(9), new Uint8Array(4))],
    ['a field of 1 GiB', entry(name('ima-ng'), sizedField(concat(number(1 << 30), new Uint8Array(64))))],
    ['a field less than the template has', entry(name('ima-sig'), sizedField(fields(utf8('a'), utf8('b'))))],
    ['a field more', entry(name('ima-ng'), sizedField(fields(utf8('a'), utf8('b'), utf8('c'))))],
    [
      'a name of a file longer than template ima has',
      entry(name('ima'), new Uint8Array(20), number(256), new Uint8Array(256)),
    ],
  ])('%s', (_, list) => {
    expect(parseImaList(list)).toMatchObject({ fault: { code: 'ima-malformed', at: expect.stringMatching(/@\d+$/) } });
  });

  it('works on a copy of its own', () => {
    const mine = copyOf(bytes);
    const list = expectOk(parseImaList(mine));
    mine.fill(0);
    expect(replayIma(nodeCrypto, list, 'sha256', pcr10('sha256', measured)).ok).toBe(true);
  });
});
