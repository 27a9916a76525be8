import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { type EventLog, explain, parseEventLog, reconcile, replay, replayable } from '../src/index.ts';
import { boot, bootFolders, CORPUS, findsCorpus, quotedBoot } from './boots.ts';

interface Expected {
  readonly file: string;
  readonly parse?: string;
  readonly events?: number;
  readonly cryptoAgile?: boolean;
  readonly banks?: readonly string[];
  readonly eventTypes?: Readonly<Record<string, number>>;
  readonly replayedPcrs?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const hasCorpus = findsCorpus();
const files = hasCorpus ? readdirSync(resolve(CORPUS, 'expected')) : [];
const cases = files.map((file) => {
  const expected = JSON.parse(readFileSync(resolve(CORPUS, 'expected', file), 'utf8')) as Expected;
  const [owner, repository] = file.split('__');
  return {
    name: file.replace(/\.json$/, ''),
    path: resolve(CORPUS, `${owner}+${repository}`, expected.file),
    expected,
  };
});
const logs = cases.filter(({ expected }) => expected.parse !== undefined);
/** Logs of confidential computing measure into other registers, and come with their issue. */
const isCcel = (name: string) => /ccel/i.test(name);
const readable = logs.filter(({ name, expected }) => expected.parse === 'ok' && !isCcel(name));
const parse = (path: string) => parseEventLog(new Uint8Array(readFileSync(path)));

describe.skipIf(!hasCorpus)('logs of other projects', () => {
  it.each(readable)('$name: events, banks, types, PCRs', ({ path, expected }) => {
    const log = expectOk(parse(path));
    expect(log.events).toHaveLength(expected.events as number);
    expect(log.format).toBe(expected.cryptoAgile ? 'crypto-agile' : 'sha1');
    expect(log.banks).toEqual(expected.banks);
    expect(countTypes(log)).toEqual(expected.eventTypes);
    for (const [bank, pcrs] of Object.entries(expected.replayedPcrs ?? {})) comparePcrs(log, bank, pcrs);
    expect(JSON.stringify(explain(nodeCrypto, log))).toBeTypeOf('string');
  });

  it.each(logs.filter(({ expected }) => expected.parse?.startsWith('reject')))('$name is refused', ({ path }) => {
    expect(parse(path)).toMatchObject({ ok: false });
  });

  it.each(logs.filter(({ name }) => isCcel(name)))('$name is no log of a TPM', ({ path }) => {
    expect(parse(path)).toMatchObject({ fault: { code: 'log-malformed' } });
  });

  it.each(['good-1.evidence', 'h12ssl.values'])('%s is accepted for what its TPM held', (host) => {
    const { log, quoted } = evidence(host);
    expect(reconcile(nodeCrypto, log, quoted)).toMatchObject({ ok: true });
  });

  it('failed-1: firmware measured something that the log lacks', () => {
    const { log, quoted } = evidence('failed-1.evidence');
    expect(reconcile(nodeCrypto, log, quoted)).toMatchObject({ fault: { code: 'log-pcr-mismatch', pcr: 0 } });
  });

  it('test-before: its firmware lowered its security after the separator of PCR 7', () => {
    const { log, quoted } = evidence('test-before');
    expect(reconcile(nodeCrypto, log, quoted)).toMatchObject({ fault: { code: 'log-event-unexpected', pcr: 7 } });
  });

  it('amd635: two separators in each PCR', () => {
    const found = readable.find(({ name }) => name.includes('amd635'));
    const { findings } = explain(nodeCrypto, expectOk(parse(found?.path as string)));
    expect(findings.filter(({ code }) => code === 'log-separator-duplicate')).toHaveLength(8);
  });
});

const lab = resolve(CORPUS, 'lab-ovmf');
describe.skipIf(!hasCorpus)('every recording of our lab', () => {
  it.each(hasCorpus ? bootFolders(lab) : [])('%s replays to its PCRs and is accepted', (name) => {
    const quoted = quotedBoot(name, 'sha256', lab);
    const log = boot(name, lab);
    const values = expectOk(replay(nodeCrypto, log, 'sha256'));
    for (const pcr of quoted.indices)
      expect(toHex(values.get(pcr) ?? new Uint8Array(32)), `PCR ${pcr}`).toBe(toHex(quoted.pcr(pcr) as Uint8Array));
    expect(reconcile(nodeCrypto, log, quoted).ok).toBe(true);
  });
});

function countTypes(log: EventLog): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { typeName } of log.events) counts[typeName] = (counts[typeName] ?? 0) + 1;
  return counts;
}

/** A bank whose digests end early (Windows after the OS loader) is refused; the reference replays what there is. */
function comparePcrs(log: EventLog, bank: string, pcrs: Readonly<Record<string, string>>): void {
  const name = replayable(log).find((each) => each === bank);
  if (name === undefined) throw new Error(`${bank} cannot be replayed`);
  const values = replay(nodeCrypto, log, name);
  if (values.ok) expect(Object.fromEntries([...values.value].map(([pcr, value]) => [pcr, toHex(value)]))).toEqual(pcrs);
  else expect(values.fault.code).toBe('log-digest-missing');
}

function evidence(host: string) {
  const folder = resolve(CORPUS, 'immune-gmbh+guard-oss/extracted', host);
  const log = expectOk(parse(resolve(folder, 'eventlog.0.bin')));
  const { sha256 } = JSON.parse(readFileSync(resolve(folder, 'pcrs.json'), 'utf8')) as {
    sha256: Record<string, string>;
  };
  const value = (pcr: number) =>
    sha256[pcr] === undefined ? undefined : new Uint8Array(Buffer.from(sha256[pcr], 'hex'));
  return { log, quoted: { bank: 'sha256' as const, indices: [0, 1, 2, 3, 4, 5, 6, 7], pcr: value } };
}
