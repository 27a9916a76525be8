import { concat, fromHex, utf8 } from '@sekimori/bytes';
import { encode, u64le } from '@sekimori/codec';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { describe, expect, it } from 'vitest';
import { EV, type LogFault, reconcile } from '../src/index.ts';
import { altered, type Draft, measuredDraft, quoteFor, utf16 } from './boots.ts';

/** The first defect of a log that a quote explains by construction. */
function defectOf(change: (events: Draft[]) => readonly Draft[], name = 'uki-snakeoil'): LogFault | 'accepted' {
  const log = altered(name, change);
  const outcome = reconcile(nodeCrypto, log, quoteFor(log));
  return outcome.ok ? 'accepted' : outcome.fault;
}

const zeros = (pcr: number) => measuredDraft(pcr, EV.EV_SEPARATOR, new Uint8Array(4));
const isSeparator = (pcr: number) => (event: Draft) => event.pcr === pcr && event.type === EV.EV_SEPARATOR;
const retype = (which: (event: Draft) => boolean, type: number) => (events: Draft[]) =>
  events.map((event) => (which(event) ? { ...event, type } : event));
const without = (which: (event: Draft) => boolean) => (events: Draft[]) => events.filter((event) => !which(event));
/** Behind the last event of its PCR, but before ExitBootServices. */
const append = (draft: Draft) => (events: Draft[]) => events.toSpliced(-2, 0, draft);
const prepend = (draft: Draft) => (events: Draft[]) => [draft, ...events];
const named = (event: Draft, name: string) =>
  new TextDecoder('utf-16le').decode(event.data.subarray(32)).startsWith(name);

function variable(name: string, value: Uint8Array, guid = '61dfe48bca93d211aa0d00e098032b8c'): Uint8Array {
  const wide = utf16(name);
  const lengths = concat(encode(u64le, BigInt(name.length)), encode(u64le, BigInt(value.length)));
  return concat(fromHex(guid) as Uint8Array, lengths, wide, value);
}

it.each(['uki-plain', 'uki-snakeoil', 'shim-ms'])('%s keeps to the grammar', (name) => {
  expect(defectOf((events) => events, name)).toBe('accepted');
});

describe('separators', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])('PCR %d has exactly one', (pcr) => {
    expect(defectOf((events) => [...events.slice(0, 22), zeros(pcr), ...events.slice(22)])).toMatchObject({
      code: 'log-separator-duplicate',
      pcr,
    });
    const replaced = (events: Draft[]) =>
      events.map((event) => (isSeparator(pcr)(event) ? measuredDraft(pcr, EV.EV_EFI_ACTION, utf8('x')) : event));
    expect(defectOf(replaced)).toMatchObject({ pcr });
    expect(defectOf(replaced)).not.toBe('accepted');
  });

  it('of ones is valid', () => {
    const ones = measuredDraft(6, EV.EV_SEPARATOR, new Uint8Array(4).fill(0xff));
    expect(defectOf((events) => events.map((event) => (isSeparator(6)(event) ? ones : event)))).toBe('accepted');
  });

  it.each([
    ['an error', measuredDraft(6, EV.EV_SEPARATOR, Uint8Array.of(1, 0, 0, 0))],
    [
      'an error with data of its own',
      { ...measuredDraft(6, EV.EV_SEPARATOR, Uint8Array.of(1, 0, 0, 0)), data: utf8('disk') },
    ],
    ['another value', measuredDraft(6, EV.EV_SEPARATOR, utf8('WBCL'))],
    ['zeros of another length', measuredDraft(6, EV.EV_SEPARATOR, new Uint8Array(8))],
  ])('that stands for %s is refused', (_, separator) => {
    expect(defectOf((events) => events.map((event) => (isSeparator(6)(event) ? separator : event)))).toMatchObject({
      code: 'log-separator-invalid',
      pcr: 6,
    });
  });

  it('whose data is not what was hashed is refused', () => {
    const lying = { ...zeros(6), data: new Uint8Array(4).fill(0xff) };
    expect(defectOf((events) => events.map((event) => (isSeparator(6)(event) ? lying : event)))).toMatchObject({
      code: 'log-data-mismatch',
    });
  });

  it('under another type is refused', () => {
    expect(defectOf(retype(isSeparator(7), EV.EV_EFI_VARIABLE_AUTHORITY))).toMatchObject({
      code: 'log-event-unexpected',
      pcr: 7,
    });
  });

  it('hidden as something else, with a false one behind it, is refused', () => {
    const moved = (events: Draft[]) => [
      ...retype(isSeparator(7), EV.EV_EFI_ACTION)(events).slice(0, 22),
      zeros(7),
      ...events.slice(22),
    ];
    expect(defectOf(moved)).toMatchObject({ code: 'log-event-unexpected', pcr: 7 });
  });
});

describe('PCR 7', () => {
  it('configuration after the separator', () => {
    const forged = measuredDraft(7, EV.EV_EFI_VARIABLE_DRIVER_CONFIG, variable('SecureBoot', Uint8Array.of(1)));
    expect(defectOf(append(forged), 'uki-plain')).toMatchObject({ code: 'log-config-after-separator', pcr: 7 });
  });

  it('configuration after the separator, called an authority', () => {
    const forged = measuredDraft(7, EV.EV_EFI_VARIABLE_AUTHORITY, variable('SecureBoot', Uint8Array.of(1)));
    expect(defectOf(append(forged), 'uki-plain')).toMatchObject({ code: 'log-event-unexpected', pcr: 7 });
  });

  it('a variable twice', () => {
    const again = measuredDraft(7, EV.EV_EFI_VARIABLE_DRIVER_CONFIG, variable('SecureBoot', Uint8Array.of(1)));
    expect(defectOf(prepend(again))).toMatchObject({ code: 'log-variable-duplicate', pcr: 7 });
  });

  it.each(['SecureBoot', 'PK', 'KEK', 'db', 'dbx'])('the variable %s is missing', (name) => {
    const is = (event: Draft) =>
      event.type === EV.EV_EFI_VARIABLE_DRIVER_CONFIG &&
      event.data.length === 32 + 2 * name.length + valueLength(event) &&
      named(event, name);
    expect(defectOf(without(is))).toMatchObject({ code: 'log-event-missing', pcr: 7 });
  });

  it('a variable of that name under another owner does not count', () => {
    const other = measuredDraft(
      7,
      EV.EV_EFI_VARIABLE_DRIVER_CONFIG,
      variable('SecureBoot', Uint8Array.of(1), '00'.repeat(16)),
    );
    expect(
      defectOf((events) => events.map((event) => (named(event, 'SecureBoot') && event.pcr === 7 ? other : event))),
    ).toMatchObject({ code: 'log-event-missing' });
  });

  it('data that is not what was hashed', () => {
    const lie = (event: Draft): Draft => ({ ...event, data: variable('SecureBoot', Uint8Array.of(1)) });
    expect(
      defectOf((events) => events.map((event) => (named(event, 'SecureBoot') ? lie(event) : event)), 'uki-plain'),
    ).toMatchObject({ code: 'log-data-mismatch', pcr: 7 });
  });

  it('configuration that is no variable', () => {
    expect(defectOf(prepend(measuredDraft(7, EV.EV_EFI_VARIABLE_DRIVER_CONFIG, utf8('no variable'))))).toMatchObject({
      code: 'log-data-mismatch',
    });
  });

  it('an action that is not known', () => {
    expect(defectOf(prepend(measuredDraft(7, EV.EV_EFI_ACTION, utf8('Anything Goes'))))).toMatchObject({
      code: 'log-event-unexpected',
    });
    expect(defectOf(prepend(measuredDraft(7, EV.EV_EFI_ACTION, utf8('DMA Protection Disabled'))))).toBe('accepted');
  });

  it('an image among the authorities', () => {
    const image = measuredDraft(7, EV.EV_EFI_BOOT_SERVICES_APPLICATION, utf8('image'));
    expect(defectOf(append(image))).toMatchObject({ code: 'log-event-unexpected', pcr: 7 });
  });
});

describe('types', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14])('an unknown one in PCR %d', (pcr) => {
    expect(defectOf(append(measuredDraft(pcr, 0x4711, utf8('?'))))).toMatchObject({
      code: 'log-event-unexpected',
      pcr,
    });
  });

  it.each([0, 2, 3, 6])('anything after the separator of PCR %d', (pcr) => {
    expect(defectOf(append(measuredDraft(pcr, EV.EV_EFI_ACTION, utf8('late'))))).toMatchObject({
      code: 'log-event-unexpected',
      pcr,
    });
  });

  it('no measurement of firmware in PCR 0', () => {
    expect(defectOf((events) => [measuredDraft(0, EV.EV_EFI_ACTION, utf8('x')), ...events.slice(3)])).toMatchObject({
      code: 'log-event-missing',
      pcr: 0,
    });
  });

  it('an action whose digest is of something else', () => {
    const action = { ...measuredDraft(4, EV.EV_EFI_ACTION, utf8('image')), data: utf8('Harmless') };
    expect(defectOf(append(action))).toMatchObject({ code: 'log-data-mismatch', pcr: 4 });
  });

  it('an action that is no text', () => {
    expect(defectOf(append(measuredDraft(5, EV.EV_EFI_ACTION, Uint8Array.of(1, 2, 3))))).toMatchObject({
      code: 'log-event-unexpected',
      pcr: 5,
    });
  });

  it('a known action under another type', () => {
    const exit = (event: Draft) => new TextDecoder().decode(event.data) === 'Exit Boot Services Returned with Success';
    expect(defectOf(retype(exit, EV.EV_EFI_GPT_EVENT))).toMatchObject({ code: 'log-event-unexpected', pcr: 5 });
  });

  it('a boot order with the bytes of an error separator is none', () => {
    const order = measuredDraft(1, EV.EV_EFI_VARIABLE_BOOT, variable('BootOrder', Uint8Array.of(1, 0, 0, 0)));
    const real = { ...order, digest: nodeCrypto.hash('sha256', Uint8Array.of(1, 0, 0, 0)) };
    expect(defectOf(append(real))).toBe('accepted');
  });

  it('an event after ExitBootServices', () => {
    for (const pcr of [9, 12, 14])
      expect(
        defectOf((events) => [
          ...events,
          { pcr, type: EV.EV_IPL, data: utf8('late'), digest: new Uint8Array(32).fill(7) },
        ]),
      ).toMatchObject({ code: 'log-event-after-exit', pcr });
  });

  it('a GRUB command whose text is not what was hashed', () => {
    const lie = { ...measuredDraft(8, EV.EV_IPL, utf8('grub_cmd: evil')), data: utf8('grub_cmd: good\0') };
    expect(defectOf(append(lie), 'shim-ms')).toMatchObject({ code: 'log-data-mismatch', pcr: 8 });
  });

  it.each([9, 12])('a tag of Windows in PCR %d', (pcr) => {
    const tagged = concat(Uint8Array.of(1, 0, 1, 0x40), new Uint8Array(4));
    expect(defectOf(append(measuredDraft(pcr, EV.EV_EVENT_TAG, tagged)))).toMatchObject({
      code: 'log-event-unexpected',
      pcr,
    });
  });

  it('an event in a quoted PCR that nobody has a grammar for', () => {
    const log = altered('uki-plain', append(measuredDraft(15, EV.EV_IPL, utf8('machine-id'))));
    const quoted = quoteFor(log);
    expect(reconcile(nodeCrypto, log, { ...quoted, indices: [...quoted.indices, 15] })).toMatchObject({
      fault: { code: 'log-event-unexpected', pcr: 15 },
    });
  });
});

describe('sections of a unified kernel image', () => {
  const section = (name: string) => measuredDraft(11, EV.EV_IPL, utf8(`${name}\0`));
  const wide = (name: string) => utf16(`${name}\0`);
  const nameOf = (name: string): Draft => ({ ...section(name), data: wide(name) });
  const contentOf = (name: string): Draft => ({
    ...section(name),
    data: wide(name),
    digest: new Uint8Array(32).fill(5),
  });

  it('one more is accepted', () => {
    expect(defectOf((events) => append(contentOf('.uname'))(append(nameOf('.uname'))(events)))).toBe('accepted');
  });

  it.each([
    ['a name without content', [nameOf('.uname')]],
    ['content without a name', [contentOf('.uname')]],
    ['a name that is not known', [nameOf('.evil'), contentOf('.evil')]],
    ['a section measured twice', [nameOf('.cmdline'), contentOf('.cmdline')]],
    ['content with another label', [nameOf('.uname'), contentOf('.cmdline')]],
    ['a phase of user space', [measuredDraft(11, EV.EV_IPL, utf8('enter-initrd'))]],
  ])('%s is refused', (_, drafts) => {
    expect(defectOf((events) => events.toSpliced(-2, 0, ...drafts))).toMatchObject({
      code: 'log-uki-section-invalid',
      pcr: 11,
    });
  });
});

it('every single event, left out, is noticed by the replay', () => {
  const whole = altered('uki-plain', (events) => events);
  const quoted = quoteFor(whole);
  for (let i = 0; i < whole.events.length - 1; i++) {
    const log = altered('uki-plain', (events) => events.toSpliced(i, 1));
    expect(reconcile(nodeCrypto, log, quoted).ok, `event ${i + 1}`).toBe(false);
  }
});

function valueLength(event: Draft): number {
  return new DataView(event.data.buffer, event.data.byteOffset).getUint32(24, true);
}
