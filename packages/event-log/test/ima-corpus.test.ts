import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fromHex, fromUtf8, toHex } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { type ImaEntry, imaFields, type ImaList, parseImaList, replayIma } from '../src/index.ts';
import { bootFolders, CORPUS, findsCorpus, quotedBoot } from './boots.ts';

const hasCorpus = findsCorpus();
const lab = resolve(CORPUS, 'lab-ovmf');
const bytesOf = (...path: string[]) => new Uint8Array(readFileSync(resolve(CORPUS, ...path)));
const textOf = (...path: string[]) => readFileSync(resolve(CORPUS, ...path), 'utf8');
const listOf = (...path: string[]) => expectOk(parseImaList(bytesOf(...path)));
const replayed = (list: ImaList, quoted: Uint8Array) => replayIma(nodeCrypto, list, 'sha256', quoted);

describe.skipIf(!hasCorpus)('lists of IMA, recorded in our lab', () => {
  it.each(hasCorpus ? bootFolders(lab) : [])('%s replays to its PCR 10 and reads as the kernel printed it', (name) => {
    const list = listOf(lab, name, 'ima_binary');
    const { entries, ...outcome } = expectOk(replayed(list, quotedBoot(name, 'sha256', lab).pcr(10)!));
    expect(outcome).toEqual({ cut: 0, violations: 0, extended: 'own-digest' });
    expect(entries).toHaveLength(Number(textOf(lab, name, 'ima_count')));
    expect(entries.map(asPrinted)).toEqual(textOf(lab, name, 'ima_ascii').split('\n').filter(Boolean));
  });

  it('shim-ms-ima-rootkit ran one program more, and its list goes no further back than its quote', () => {
    const [longer, shorter] = ['shim-ms-ima-rootkit', 'shim-ms-ima'];
    const [more, less] = [listOf(lab, longer, 'ima_binary'), listOf(lab, shorter, 'ima_binary')];
    const quoted = quotedBoot(shorter, 'sha256', lab).pcr(10)!;
    expect(expectOk(replayed(more, quoted))).toMatchObject({ cut: 1 });
    const ahead = quotedBoot(longer, 'sha256', lab).pcr(10)!;
    expect(replayed(less, ahead)).toMatchObject({ fault: { code: 'ima-pcr-mismatch' } });
  });
});

describe.skipIf(!hasCorpus)('lists of IMA of other projects', () => {
  const guardOss = 'immune-gmbh+guard-oss';

  it('a server: 5071 entries, 9 of them violations', () => {
    const folder = `${guardOss}/extracted/h12ssl.values`;
    const pcrs = JSON.parse(textOf(folder, 'pcrs.json')) as { sha256: Record<string, string> };
    const { entries, ...outcome } = expectOk(replayed(listOf(folder, 'ima.bin'), fromHex(pcrs.sha256['10']!)!));
    expect(entries).toHaveLength(5071);
    expect(outcome).toEqual({ cut: 0, violations: 9, extended: 'own-digest' });
  });

  it('a part of another', () => {
    const { entries } = listOf(guardOss, 'apisrv/test/h12ssl.binary_measurements');
    expect(entries).toHaveLength(2365);
    expect(new Set(entries.map(({ template }) => template))).toEqual(new Set(['ima-ng']));
  });

  it('ibmtss: 362 signed files, and the PCR that its own tool gives', () => {
    const printed = textOf('kgoldman+ibmtss/utils/imakvtpcr10.txt');
    const value = fromHex(/PCR 10: ((?:[0-9a-f]{2} ){32})$/m.exec(printed)![1]!.replaceAll(' ', ''))!;
    expect(expectOk(replayed(listOf('kgoldman+ibmtss/utils/sha1.log'), value)).entries).toHaveLength(362);
  });

  it('ibmtss: every template there is, also those that have a format for a name', () => {
    const { entries } = listOf('kgoldman+ibmtss/utils/imatest.log');
    expect(entries).toHaveLength(17);
    for (const entry of entries) expect(imaFields(entry), entry.template).toBeDefined();
    for (const { template, violation, data, templateHash } of entries)
      if (!violation && template !== 'ima') expect(toHex(nodeCrypto.hash('sha1', data))).toBe(toHex(templateHash));
  });

  it.each([
    ['kgoldman+ibmtss/utils/sha256.log', 'whose digests are SHA-256'],
    ['keylime+keylime/test/data/create-runtime-policy/ima-log-sha256', 'that is text'],
    ['keylime+rust-keylime/keylime/test-data/invalid_ima_log.txt', 'that is none'],
  ])('%s: a list %s is refused', (path) => {
    expect(parseImaList(bytesOf(path))).toMatchObject({ fault: { code: 'ima-malformed' } });
  });
});

/** The line of `ascii_runtime_measurements` for template ima-sig. */
function asPrinted(entry: ImaEntry): string {
  const [digest, path, signature] = imaFields(entry)!.map(([, bytes]) => bytes);
  const at = digest!.indexOf(0);
  const hash = `${fromUtf8(digest!.subarray(0, at))}${toHex(digest!.subarray(at + 1))}`;
  const name = fromUtf8(path!.subarray(0, -1));
  return `${entry.pcr} ${toHex(entry.templateHash)} ${entry.template} ${hash} ${name} ${toHex(signature!)}`;
}
