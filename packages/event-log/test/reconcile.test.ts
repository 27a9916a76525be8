import { toHex } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { AcceptedLog, EV, type EventLog, type QuotedPcrs, reconcile } from '../src/index.ts';
import { altered, BOOTS, boot, bootFolders, type Draft, quotedBoot, quoteFor } from './boots.ts';

const hashOf = (text: string) => nodeCrypto.hash('sha256', new TextEncoder().encode(text));
const codeOf = (log: EventLog, quoted: QuotedPcrs) => {
  const outcome = reconcile(nodeCrypto, log, quoted);
  return outcome.ok ? 'accepted' : outcome.fault.code;
};
const replacing = (quoted: QuotedPcrs, pcr: number, value: Uint8Array | undefined): QuotedPcrs => ({
  ...quoted,
  pcr: (index) => (index === pcr ? value : quoted.pcr(index)),
});

describe('reconcile', () => {
  it.each(bootFolders(BOOTS))('accepts %s for what its TPM held', (name) => {
    const log = expectOk(reconcile(nodeCrypto, boot(name), quotedBoot(name)));
    expect(log).toBeInstanceOf(AcceptedLog);
    expect(log.cut).toBe(0);
    expect(log.indices).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14]);
    expect(log.events.some((event) => event.type === EV.EV_NO_ACTION)).toBe(false);
    expect(log.explains(quotedBoot(name))).toBe(true);
  });

  it('accepts the SHA-384 bank of a log that has it', () => {
    expect(codeOf(boot('uki-plain-3banks'), quotedBoot('uki-plain-3banks', 'sha384'))).toBe('accepted');
  });

  it('refuses the log of another boot, and names PCR, expected and actual', () => {
    const quoted = quotedBoot('uki-plain');
    const outcome = reconcile(nodeCrypto, boot('uki-cmdline-changed'), quoted);
    expect(outcome).toMatchObject({
      fault: { code: 'log-pcr-mismatch', pcr: 4, expected: toHex(quoted.pcr(4) as Uint8Array) },
    });
    expect(expectOk(reconcile(nodeCrypto, boot('uki-plain'), quoted)).explains(quotedBoot('uki-cmdline-changed'))).toBe(
      false,
    );
  });

  it('cuts a log that ran ahead of the quote at the matching entry', () => {
    const quoted = quotedBoot('shim-ms');
    const more = altered('shim-ms', (events) => {
      const before = events.findLastIndex((event) => event.pcr === 14) + 1;
      return events.toSpliced(before, 0, { pcr: 14, type: EV.EV_IPL, data: hashOf('x'), digest: hashOf('later') });
    });
    const log = expectOk(reconcile(nodeCrypto, more, quoted));
    expect(log.cut).toBe(1);
    expect(log.eventsOf(14)).toHaveLength(3);
  });

  it('refuses a quote that ran ahead of the log', () => {
    const less = altered('shim-ms', (events) =>
      events.toSpliced(
        events.findLastIndex((event) => event.pcr === 14),
        1,
      ),
    );
    expect(codeOf(less, quotedBoot('shim-ms'))).toBe('log-pcr-mismatch');
  });

  it('leaves out the events of PCRs that nobody quoted', () => {
    const quoted = { ...quotedBoot('uki-plain'), indices: [0, 1, 2, 3, 4, 5, 6, 7] };
    const log = expectOk(reconcile(nodeCrypto, boot('uki-plain'), quoted));
    expect(log.events.every((event) => event.pcr <= 7)).toBe(true);
    expect(log.pcr(11)).toBeUndefined();
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('wants PCR %d quoted', (pcr) => {
    const quoted = quotedBoot('uki-plain');
    const without = { ...quoted, indices: quoted.indices.filter((index) => index !== pcr) };
    expect(reconcile(nodeCrypto, boot('uki-plain'), without)).toMatchObject({
      fault: { code: 'log-pcr-not-quoted', pcr },
    });
  });

  it('wants a value of the bank’s width for every index', () => {
    const quoted = quotedBoot('uki-plain');
    expect(codeOf(boot('uki-plain'), replacing(quoted, 11, undefined))).toBe('log-pcr-not-quoted');
    expect(codeOf(boot('uki-plain'), replacing(quoted, 11, new Uint8Array(20)))).toBe('log-pcr-not-quoted');
  });

  it('refuses PCRs that grow outside the firmware log', () => {
    const quoted = quotedBoot('uki-plain');
    expect(codeOf(boot('uki-plain'), { ...quoted, indices: [...quoted.indices, 10] })).toBe('log-pcr-mismatch');
  });
});

describe('banks', () => {
  it('refuses SHA-1', () => {
    expect(codeOf(boot('uki-plain-3banks'), quotedBoot('uki-plain-3banks', 'sha1'))).toBe('log-bank-refused');
  });

  it('refuses a bank that is not in the log', () => {
    expect(codeOf(boot('uki-plain'), quotedBoot('uki-plain-3banks', 'sha384'))).toBe('log-bank-missing');
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('refuses a bank in which firmware never extended PCR %d', (pcr) => {
    const none = altered('uki-plain', (events) => events.filter((event) => event.pcr !== pcr));
    expect(reconcile(nodeCrypto, none, quoteFor(none))).toMatchObject({ fault: { code: 'log-pcr-not-extended', pcr } });
  });

  it('refuses a start value with a locality as an extended PCR', () => {
    const started = new Uint8Array(32);
    started[31] = 3;
    expect(codeOf(boot('uki-plain'), replacing(quotedBoot('uki-plain'), 0, started))).toBe('log-pcr-not-extended');
  });

  it.each([0x00, 0xff])('refuses a bank that was capped with digests of %d', (byte) => {
    const capped = altered('uki-plain', (events) => [
      ...events.slice(0, -2),
      { pcr: 12, type: EV.EV_IPL, data: new Uint8Array(), digest: new Uint8Array(32).fill(byte) },
      ...events.slice(-2),
    ]);
    expect(codeOf(capped, quoteFor(capped))).toBe('log-digest-capped');
  });

  it('refuses an event of a quoted PCR without a digest in the bank', () => {
    const log = altered('uki-plain', ([first, ...rest]) => [
      { ...(first as Draft), digest: new Uint8Array() },
      ...rest,
    ]);
    expect(codeOf(log, quotedBoot('uki-plain'))).toBe('log-digest-missing');
  });
});

describe('a locality the log does not state', () => {
  it.each([3, 4] as const)('is found where the TPM started at %d', (locality) => {
    const log = boot('uki-plain');
    let value: Uint8Array = new Uint8Array(32);
    value[31] = locality;
    for (const event of log.events)
      if (event.pcr === 0 && event.type !== EV.EV_NO_ACTION)
        value = nodeCrypto.hash('sha256', new Uint8Array([...value, ...(event.digests.get('sha256') as Uint8Array)]));
    const accepted = expectOk(reconcile(nodeCrypto, log, replacing(quotedBoot('uki-plain'), 0, value)));
    expect(accepted.startupLocality).toBe(locality);
  });
});
