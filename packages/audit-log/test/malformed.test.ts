import { utf8 } from '@sekimori/bytes';
import { describe, expect, it } from 'vitest';
import fuzzCheckpoint from '../fuzz/checkpoint.ts';
import fuzzEntry from '../fuzz/entry.ts';
import {
  type AuditEntry,
  EMPTY_LOG,
  formatCheckpoint,
  formatEntry,
  parseCheckpoint,
  parseEntry,
} from '../src/index.ts';
import { chain } from './entries.ts';

const [, entry] = chain(2) as [AuditEntry, AuditEntry];

/** Each truncation, each flipped bit, an added byte: a value or a fault. */
function disturb(text: string, target: (bytes: Uint8Array) => void): void {
  const bytes = utf8(text);
  for (let at = 0; at < bytes.length; at++) {
    target(bytes.subarray(0, at));
    for (let bit = 0; bit < 8; bit++) target(bytes.map((byte, i) => (i === at ? byte ^ (1 << bit) : byte)));
  }
  for (const added of [0, 0x20, 0x7d, 0xff]) target(Uint8Array.of(...bytes, added));
}

describe('entries as text', () => {
  it('come back as they went', () => {
    const { traceId: _, ...bare } = entry;
    for (const each of [entry, bare]) expect(parseEntry(formatEntry(each))).toEqual({ ok: true, value: each });
  });
  it('give a value or a fault when disturbed', () => disturb(formatEntry(entry), fuzzEntry));
  it.each([
    ['white space', ` ${formatEntry(entry)}`],
    ['members in another order', JSON.stringify(entry)],
    ['an unknown member', formatEntry({ ...entry, more: 1 } as AuditEntry)],
    ['a doubled member', formatEntry(entry).replace('{', '{"actor":"admin:mallory",')],
    ['no hash', formatEntry(entry).replace(/"hash":"[^"]*",/, '')],
    ['a short hash', formatEntry(entry).replace(/"hash":"../, '"hash":"')],
    ['an index of 0', formatEntry({ ...entry, index: 0 })],
    ['a null trace id', formatEntry({ ...entry, traceId: null as unknown as string })],
    ['a number', '7'],
    ['null', 'null'],
    ['deep nesting', '['.repeat(200_000)],
    ['a very long line', `"${'x'.repeat(2 ** 20 + 200)}"`],
  ])('refuse %s', (_, line) =>
    expect(parseEntry(line)).toMatchObject({ ok: false, fault: { code: 'malformed-entry' } }),
  );
});

describe('checkpoints as text', () => {
  it('come back as they went', () => {
    for (const each of [EMPTY_LOG, { index: Number.MAX_SAFE_INTEGER, hash: entry.hash }])
      expect(parseCheckpoint(formatCheckpoint(each))).toEqual({ ok: true, value: each });
  });
  it('give a value or a fault when disturbed', () => disturb(formatCheckpoint(entry), fuzzCheckpoint));
  it.each(['', '1', `01:${entry.hash}`, `-1:${entry.hash}`, `1:${entry.hash.toUpperCase()}`, `1:${entry.hash}\n`])(
    'refuse %j',
    (text) => expect(parseCheckpoint(text)).toMatchObject({ ok: false, fault: { code: 'malformed-checkpoint' } }),
  );
  it('refuse an unsafe index and a hash for the empty log', () => {
    expect(parseCheckpoint(`9007199254740993:${entry.hash}`).ok).toBe(false);
    expect(parseCheckpoint(`0:${entry.hash}`).ok).toBe(false);
  });
});
