import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { concat, copyOf, fromUtf8, toHex, utf8 } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { type ImaList, imaFields, parseImaList, replayIma } from '../src/index.ts';
import { BOOTS, quotedBoot } from './boots.ts';
import { fields, file, listBytes, listOf, type Measured, oldFile, pcr10, record, violation } from './ima-lists.ts';

const first = file('boot_aggregate');
const second = file('/usr/bin/sh');
const third = file('/usr/bin/true');
const replayed = (list: ImaList, quoted: Uint8Array) => replayIma(nodeCrypto, list, 'sha256', quoted);
const codeOf = (list: ImaList, quoted: Uint8Array) => {
  const outcome = replayed(list, quoted);
  return outcome.ok ? 'accepted' : outcome.fault.code;
};

describe('entries of the list of IMA', () => {
  const signed: Measured = { template: 'ima-sig', data: fields(utf8('sha256:\0'), utf8('/a\0'), new Uint8Array()) };

  it.each<[Measured, readonly string[] | undefined]>([
    [first, ['d-ng', 'n-ng']],
    [oldFile('/sbin/init'), ['d', 'n']],
    [signed, ['d-ng', 'n-ng', 'sig']],
    [{ ...signed, template: 'ima-buf' }, ['d-ng', 'n-ng', 'buf']],
    [
      { template: 'ima-modsig', data: concat(signed.data, new Uint8Array(8)) },
      'd-ng n-ng sig d-modsig modsig'.split(' '),
    ],
    [{ ...signed, template: 'd-ng|n-ng|sig' }, ['d-ng', 'n-ng', 'sig']],
    [{ template: 'n-ng', data: fields(utf8('/a\0')) }, ['n-ng']],
    [{ template: 'ima-of-tomorrow', data: Uint8Array.of(1, 2, 3) }, undefined],
  ])('$template', (measured, ids) => {
    const [entry] = listOf(measured).entries;
    expect(entry).toMatchObject({ index: 0, pcr: 10, template: measured.template, violation: false });
    expect(toHex(entry!.data)).toBe(toHex(measured.data));
    expect(toHex(entry!.bytes)).toBe(toHex(record(measured)));
    expect(imaFields(entry!)?.map(([id]) => id)).toEqual(ids);
    expect(codeOf(listOf(measured), pcr10('sha256', [measured]))).toBe('accepted');
  });

  it('has the bytes of each field', () => {
    const [entry] = listOf(second).entries;
    const [digest, path] = imaFields(entry!)!;
    expect(toHex(digest![1])).toBe(toHex(utf8('sha256:\0')) + toHex(nodeCrypto.hash('sha256', utf8('/usr/bin/sh'))));
    expect(toHex(path![1])).toBe(toHex(utf8('/usr/bin/sh\0')));
  });
});

describe('security property 10: a list ahead of the quote is cut at the matching entry, never the other way', () => {
  it.each(['sha256', 'sha384', 'sha512'] as const)('a list that is as far as the quote, in the %s bank', (bank) => {
    const all = [first, second, violation('/tmp/log'), oldFile('/sbin/init')];
    const outcome = expectOk(replayIma(nodeCrypto, listOf(...all), bank, pcr10(bank, all)));
    expect(outcome).toMatchObject({ cut: 0, violations: 1, extended: 'own-digest' });
    expect(outcome.entries).toHaveLength(4);
  });

  it('a list that ran ahead', () => {
    const { entries, cut } = expectOk(replayed(listOf(first, second, third), pcr10('sha256', [first])));
    expect(entries.map(({ index }) => index)).toEqual([0]);
    expect(cut).toBe(2);
  });

  it.each<[string, readonly Measured[], readonly Measured[]]>([
    ['a list that is behind', [first, second], [first, second, third]],
    ['a list that lacks an entry', [first, third], [first, second, third]],
    ['a list in another order', [second, first], [first, second]],
    ['a violation that is not listed as one', [first, second], [first, { ...second, violation: true }]],
    ['a measurement that is listed as a violation', [first, { ...second, violation: true }], [first, second]],
    ['a list of another PCR alone', [{ ...first, pcr: 11 }], [first]],
  ])('%s is refused', (_, listed, extended) => {
    expect(codeOf(listOf(...listed), pcr10('sha256', extended))).toBe('ima-pcr-mismatch');
  });

  it('a PCR 10 that nobody extended is refused, whatever is listed', () => {
    expect(codeOf(listOf(first), new Uint8Array(32))).toBe('ima-pcr-not-extended');
  });

  it('entries of other PCRs are left out: this quote does not vouch for them', () => {
    const list = listOf({ ...third, pcr: 12 }, first, { ...third, pcr: 11 }, second);
    const { entries, cut } = expectOk(replayed(list, pcr10('sha256', [first, second])));
    expect(entries.map(({ index }) => index)).toEqual([1, 3]);
    expect(cut).toBe(2);
  });
});

describe('a bank that has no digest of its own', () => {
  const all = [first, violation('/tmp/log'), second];

  it('is extended with SHA-1 and zeros, and the outcome says so', () => {
    const list = listOf(...all, third);
    const outcome = expectOk(replayed(list, pcr10('sha256', all, 'old')));
    expect(outcome).toMatchObject({ cut: 1, violations: 1, extended: 'padded-sha1' });
  });

  it('is never extended in both ways', () => {
    const halfway = pcr10('sha256', [first], 'old');
    const digest = nodeCrypto.hash('sha256', second.data);
    const mixed = nodeCrypto.hash('sha256', concat(halfway, digest));
    expect(codeOf(listOf(first, second), mixed)).toBe('ima-pcr-mismatch');
  });

  it('vouches for no data whose SHA-1 is another', () => {
    const bytes = listBytes(first, second);
    const other = copyOf(bytes);
    const at = bytes.length - 2; // in the path
    other[at] = other[at]! ^ 1;
    const quoted = pcr10('sha256', [first, second], 'old');
    expect(replayed(expectOk(parseImaList(other)), quoted)).toMatchObject({
      fault: { code: 'ima-digest-mismatch', event: 1, pcr: 10 },
    });
  });

  it('of SHA-1 is a bug of the caller', () => {
    expect(() => replayIma(nodeCrypto, listOf(first), 'sha1' as never, new Uint8Array(20).fill(1))).toThrow(RangeError);
  });
});

it('a recorded boot: what ran, and the PCR 10 that its TPM held', () => {
  const list = expectOk(parseImaList(readFileSync(resolve(BOOTS, 'shim-ms-ima/ima_binary'))));
  const { entries, cut } = expectOk(replayed(list, quotedBoot('shim-ms-ima').pcr(10)!));
  const paths = entries.map((entry) => fromUtf8(new Map(imaFields(entry)).get('n-ng')!)!.slice(0, -1));
  expect([paths.length, cut]).toEqual([11, 0]);
  expect(paths.slice(0, 3)).toEqual(['boot_aggregate', '/mnt/bin/busybox', '/mnt/usr/bin/node']);
});

it('a listed SHA-1 that is not that of the data is refused, though the bank has another digest', () => {
  const bytes = listBytes(first, second);
  const other = copyOf(bytes);
  other[4] = other[4]! ^ 1;
  expect(codeOf(expectOk(parseImaList(other)), pcr10('sha256', [first, second]))).toBe('ima-digest-mismatch');
  // behind the cut nothing is believed, and nothing is held against it
  const ahead = copyOf(bytes);
  const at = record(first).length + 4;
  ahead[at] = ahead[at]! ^ 1;
  expect(codeOf(expectOk(parseImaList(ahead)), pcr10('sha256', [first]))).toBe('accepted');
});
