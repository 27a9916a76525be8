import { concat, copyOf, toHex, utf8 } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { EV, type EventLog, type Facts, factsOf, reconcile } from '../src/index.ts';
import { altered, boot, type Draft, measuredDraft, quotedBoot, quoteFor, utf16 } from './boots.ts';

const recorded = (name: string) => factsOf(expectOk(reconcile(nodeCrypto, boot(name), quotedBoot(name))));
const constructed = (log: EventLog): Facts => factsOf(expectOk(reconcile(nodeCrypto, log, quoteFor(log))));
const isSecureBoot = (event: Draft) =>
  event.type === EV.EV_EFI_VARIABLE_DRIVER_CONFIG && event.data.length >= 52 && event.data[32] === 0x53;
/** SecureBoot with another value; the quote is made to fit. */
const secureBoot = (value: readonly number[]) => (events: Draft[]) =>
  events.map((event) => {
    if (!isSecureBoot(event)) return event;
    const data = concat(event.data.subarray(0, 52), Uint8Array.from(value));
    data[24] = value.length;
    return measuredDraft(7, EV.EV_EFI_VARIABLE_DRIVER_CONFIG, data);
  });

describe('Secure Boot', () => {
  it.each([
    ['uki-plain', 'off', 0],
    ['uki-plain-3banks', 'off', 0],
    ['uki-snakeoil', 'on', 1],
    ['shim-ms', 'on', 3],
  ] as const)('%s: %s', (name, state, authorities) => {
    const facts = recorded(name);
    expect(facts.secureBoot).toEqual({ state, events: [4] });
    expect(facts.authorities).toHaveLength(authorities);
  });

  it.each([[[]], [[2]], [[1, 0]], [[255]]])('is unknown for the value %j', (value) => {
    expect(constructed(altered('uki-snakeoil', secureBoot(value))).secureBoot.state).toBe('unknown');
  });

  it('is unknown where images were loaded and nothing vouched for them', () => {
    const log = altered('uki-snakeoil', (events) =>
      events.filter((event) => event.type !== EV.EV_EFI_VARIABLE_AUTHORITY),
    );
    expect(constructed(log).secureBoot.state).toBe('unknown');
  });

  it('shows debug mode and DMA protection by digest', () => {
    const log = altered('uki-snakeoil', (events) => [
      measuredDraft(7, EV.EV_EFI_ACTION, utf8('UEFI Debug Mode')),
      measuredDraft(7, EV.EV_EFI_ACTION, utf8('DMA Protection Disabled')),
      ...events,
    ]);
    expect(constructed(log)).toMatchObject({
      debugMode: { state: 'on', events: [1] },
      dmaProtection: { state: 'disabled', events: [2] },
    });
    expect(recorded('uki-snakeoil')).toMatchObject({
      debugMode: { state: 'off', events: [] },
      dmaProtection: { state: 'not-reported', events: [] },
    });
  });
});

describe('images', () => {
  it('are every extend of PCR 4 that is no separator and no known action', () => {
    expect(recorded('uki-plain').bootApplications.map(({ events }) => events)).toEqual([[23], [32]]);
    expect(recorded('shim-ms').bootApplications).toHaveLength(4);
  });

  it('stay images when they are called actions whose data is their own preimage', () => {
    const image = utf8('MZ and all the rest that Authenticode hashes');
    const log = altered('uki-plain', (events) => events.toSpliced(-2, 0, measuredDraft(4, EV.EV_EFI_ACTION, image)));
    expect(constructed(log).bootApplications.at(-1)?.digest).toBe(toHex(nodeCrypto.hash('sha256', image)));
  });
});

describe('kernel command line', () => {
  it('of a UKI is a digest, with the name before it', () => {
    const { ukiSections, commandLines } = recorded('uki-plain');
    expect(ukiSections.map(({ name }) => name)).toEqual(['.linux', '.osrel', '.cmdline', '.initrd']);
    const changed = recorded('uki-cmdline-changed').commandLines;
    expect(commandLines).toEqual([{ source: 'uki', digest: ukiSections[2]?.digest, events: [28, 29] }]);
    expect(changed).toMatchObject([{ source: 'uki', events: [28, 29] }]);
    expect(changed).not.toEqual(commandLines);
  });

  it('of GRUB is a text', () => {
    expect(recorded('shim-ms').commandLines).toMatchObject([
      { source: 'grub', text: '/vmlinuz console=ttyS0 quiet panic=-1 ima_policy=tcb ima_hash=sha256' },
    ]);
  });

  it('of systemd-stub is a text in PCR 12', () => {
    const data = utf16('debug');
    const log = altered('uki-plain', (events) => events.toSpliced(-2, 0, measuredDraft(12, EV.EV_IPL, data)));
    expect(constructed(log).commandLines.at(-1)).toMatchObject({ source: 'systemd', text: 'debug' });
  });
});

describe('one whole boot', () => {
  it('has eight separators and ExitBootServices', () => {
    const { boot: evidence } = recorded('uki-plain');
    expect(evidence).toMatchObject({ separators: [0, 1, 2, 3, 4, 5, 6, 7], exitBootServices: 'success' });
    expect(evidence.events).toHaveLength(10);
  });

  it.each([
    ['missing', -2],
    ['missing', -1],
  ] as const)('is %s an event of ExitBootServices', (state, at) => {
    expect(constructed(altered('uki-plain', (events) => events.toSpliced(at, 1))).boot.exitBootServices).toBe(state);
  });

  it('failed to exit', () => {
    const failure = measuredDraft(5, EV.EV_EFI_ACTION, utf8('Exit Boot Services Returned with Failure'));
    const log = altered('uki-plain', (events) => [...events.slice(0, -1), failure]);
    expect(constructed(log).boot.exitBootServices).toBe('failure');
  });
});

it('an accepted log keeps its values when a caller changes what it was given', () => {
  const log = expectOk(reconcile(nodeCrypto, boot('uki-plain'), quotedBoot('uki-plain')));
  const before = copyOf(log.pcr(4) as Uint8Array);
  log.pcr(4)?.fill(0);
  expect(log.pcr(4)).toEqual(before);
});
