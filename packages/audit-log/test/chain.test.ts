import { createHash } from 'node:crypto';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { type AuditEntry, type JsonValue, appendTo, EMPTY_LOG, verifyEntries } from '../src/index.ts';
import { chain, draft } from './entries.ts';

const verify = (entries: readonly AuditEntry[], known = {}) => verifyEntries(nodeCrypto, entries, known);
const refused = (code: string, at: number) => ({ ok: false, fault: { code, at: String(at) } });

describe('the chain', () => {
  it('hashes label, previous hash and canonical entry, each with its length', () => {
    const [first] = chain(1) as [AuditEntry];
    const content =
      '{"actor":"admin:alice","at":"2026-02-03T04:05:06.789Z","body":{"fingerprint":"ab12","keys":[1,2],"note":null},' +
      '"index":1,"kind":"host.approved","subject":"host:node0","traceId":"t-1"}';
    const lv = (part: string | Buffer) => {
      const bytes = Buffer.from(part);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return Buffer.concat([length, bytes]);
    };
    const expected = createHash('sha256')
      .update(Buffer.concat([lv('sekimori-1 audit'), lv(Buffer.alloc(32)), lv(content)]))
      .digest('hex');
    expect(first.hash).toBe(expected);
  });

  it('gives the head of a sound log, in one go and page by page', () => {
    const entries = chain(9);
    const { index, hash } = entries[8]!;
    expect(verify(entries)).toEqual({ ok: true, value: { index, hash } });
    const middle = expectOk(verify(entries.slice(0, 4)));
    expect(verify(entries.slice(4), { from: middle, to: { index: 7, hash: entries[6]!.hash } })).toEqual(
      verify(entries),
    );
    expect(verify([])).toEqual({ ok: true, value: EMPTY_LOG });
    expect(verify([], { from: middle, to: middle })).toEqual({ ok: true, value: middle });
  });

  it.each([
    ['time', { at: '2026-02-03T04:05:06.790Z' }],
    ['kind', { kind: 'host.revoked' }],
    ['actor', { actor: 'admin:mallory' }],
    ['subject', { subject: 'host:node8' }],
    ['trace id', { traceId: 't-2' }],
    ['body', { body: { fingerprint: 'ab13' } }],
    ['hash', { hash: '11'.repeat(32) }],
    ['a time that is none', { at: '2026-02-30T04:05:06.790Z' }],
    ['a body that is no JSON', { body: { a: 0.5 } }],
  ])('shows an altered %s at its index', (_, change) => {
    const entries = chain(5);
    entries[2] = { ...entries[2]!, ...change };
    expect(verify(entries)).toMatchObject(refused('log-altered', 3));
  });

  it('shows an entry whose trace id was taken out', () => {
    const entries = chain(3);
    const { traceId: _, ...rest } = entries[1]!;
    entries[1] = rest;
    expect(verify(entries)).toMatchObject(refused('log-altered', 2));
  });

  it('shows gaps, a missing start, doubles and reordering', () => {
    const [a, b, c, d] = chain(4) as [AuditEntry, AuditEntry, AuditEntry, AuditEntry];
    expect(verify([a, b, d])).toMatchObject(refused('log-gap', 3));
    expect(verify([b, c, d])).toMatchObject(refused('log-gap', 1));
    expect(verify([a, b, b, c])).toMatchObject(refused('log-gap', 3));
    expect(verify([a, c, b, d])).toMatchObject(refused('log-gap', 2));
    expect(verify([a, { ...c, index: 2 }])).toMatchObject(refused('log-altered', 2));
  });

  it('shows truncation and rewriting to whoever kept a checkpoint', () => {
    const entries = chain(6);
    const kept = { index: 5, hash: entries[4]!.hash };
    expect(verify(entries.slice(0, 4), { to: kept })).toMatchObject(refused('log-truncated', 5));
    expect(verify([], { to: kept })).toMatchObject(refused('log-truncated', 1));
    const rewritten = entries.slice(0, 3);
    for (let n = 3; n < 6; n++)
      rewritten.push(appendTo(nodeCrypto, rewritten[n - 1]!, draft({ subject: 'somebody else' })));
    expect(verify(rewritten).ok).toBe(true); // nothing shows without the checkpoint
    expect(verify(rewritten, { to: kept })).toMatchObject(refused('log-rewritten', 5));
    expect(verify([], { from: { ...kept, hash: '22'.repeat(32) }, to: kept })).toMatchObject(
      refused('log-rewritten', 5),
    );
    expect(verify(entries.slice(5), { from: { ...kept, hash: '22'.repeat(32) } })).toMatchObject(
      refused('log-altered', 6),
    );
  });

  it('takes no draft that is not as documented', () => {
    const bad = [
      { kind: 'approved' },
      { kind: 'Host.Approved' },
      { kind: `host.${'a'.repeat(64)}` },
      { actor: '' },
      { subject: 'x'.repeat(257) },
      { traceId: '' },
      { body: { key: new Secret(new Uint8Array(32)) } as unknown as JsonValue },
      { body: 'x'.repeat(2 ** 20) },
    ];
    for (const change of bad) expect(() => appendTo(nodeCrypto, EMPTY_LOG, draft(change))).toThrow(TypeError);
    expect(() => appendTo(nodeCrypto, EMPTY_LOG, draft({ at: new Date(Number.NaN) }))).toThrow(RangeError);
  });
});
