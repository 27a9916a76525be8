import { toHex, utf8, concat } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { EV, parseEventLog, replay } from '../src/index.ts';
import { altered, BOOT_PCRS, BOOTS, boot, bootFolders, type Draft, quotedBoot } from './boots.ts';

describe('replay', () => {
  it.each(bootFolders(BOOTS))('%s gives the PCRs that the TPM held', (name) => {
    const values = expectOk(replay(nodeCrypto, boot(name), 'sha256'));
    const quoted = quotedBoot(name);
    for (const pcr of BOOT_PCRS)
      expect(toHex(values.get(pcr) ?? new Uint8Array(32)), `PCR ${pcr}`).toBe(toHex(quoted.pcr(pcr) as Uint8Array));
  });

  it.each(['sha1', 'sha384'] as const)('the %s bank of a log with three', (bank) => {
    const values = expectOk(replay(nodeCrypto, boot('uki-plain-3banks'), bank));
    const quoted = quotedBoot('uki-plain-3banks', bank);
    for (const pcr of [0, 1, 2, 3, 4, 5, 6, 7, 9, 11])
      expect(toHex(values.get(pcr) as Uint8Array), `PCR ${pcr}`).toBe(toHex(quoted.pcr(pcr) as Uint8Array));
  });

  it('a bank the log does not have', () => {
    expect(replay(nodeCrypto, boot('uki-plain'), 'sha384')).toMatchObject({ fault: { code: 'log-bank-missing' } });
  });

  it('an event without a digest in the bank', () => {
    const log = altered('uki-plain', ([first, ...rest]) => [
      { ...(first as Draft), digest: new Uint8Array() },
      ...rest,
    ]);
    expect(replay(nodeCrypto, log, 'sha256')).toMatchObject({
      fault: { code: 'log-digest-missing', event: 1, pcr: 0 },
    });
  });
});

describe('startup locality', () => {
  const locality = (value: number, pcr = 0): Draft => ({
    pcr,
    type: EV.EV_NO_ACTION,
    data: concat(utf8('StartupLocality\0'), Uint8Array.of(value)),
    digest: new Uint8Array(32),
  });

  it.each([0, 3, 4])('%d is the last byte of the start value of PCR 0', (value) => {
    const log = altered('uki-plain', (events) => [locality(value), ...events]);
    const digests = log.events.flatMap((event) =>
      event.pcr === 0 && event.type !== EV.EV_NO_ACTION ? [event.digests.get('sha256') as Uint8Array] : [],
    );
    let expected = new Uint8Array(32);
    expected[31] = value;
    for (const digest of digests) expected = Uint8Array.from(nodeCrypto.hash('sha256', concat(expected, digest)));
    expect(toHex(expectOk(replay(nodeCrypto, log, 'sha256')).get(0) as Uint8Array)).toBe(toHex(expected));
  });

  it.each([
    ['another locality', (events: Draft[]) => [locality(1), ...events]],
    ['two statements', (events: Draft[]) => [locality(3), locality(3), ...events]],
    ['a statement after the first extend of PCR 0', (events: Draft[]) => [...events, locality(3)]],
    ['a statement for another PCR', (events: Draft[]) => [locality(3, 1), ...events]],
  ])('%s is refused', (_, change) => {
    expect(replay(nodeCrypto, altered('uki-plain', change), 'sha256')).toMatchObject({
      fault: { code: 'log-startup-locality' },
    });
  });
});

describe('a SHA-1 log', () => {
  it('is read and replayed', () => {
    // TCG_PCR_EVENT, twice: PCR 4, EV_EFI_ACTION, digest of ones, two bytes of data.
    const record = concat(
      Uint8Array.of(4, 0, 0, 0, 7, 0, 0, 0x80),
      new Uint8Array(20).fill(1),
      Uint8Array.of(2, 0, 0, 0, 65, 66),
    );
    const log = expectOk(parseEventLog(concat(record, record)));
    expect(log).toMatchObject({ format: 'sha1', banks: ['sha1'] });
    expect(log.events.map(({ index, offset, pcr, typeName }) => ({ index, offset, pcr, typeName }))).toEqual([
      { index: 0, offset: 0, pcr: 4, typeName: 'EV_EFI_ACTION' },
      { index: 1, offset: 34, pcr: 4, typeName: 'EV_EFI_ACTION' },
    ]);
    const once = nodeCrypto.hash('sha1', concat(new Uint8Array(20), new Uint8Array(20).fill(1)));
    const twice = nodeCrypto.hash('sha1', concat(once, new Uint8Array(20).fill(1)));
    expect(expectOk(replay(nodeCrypto, log, 'sha1')).get(4)).toEqual(twice);
  });
});
