import { toHex } from '@sekimori/bytes';
import { describe, expect, it } from 'vitest';
import { concat } from '@sekimori/bytes';
import type { PreflightReport } from '../src/preflight/preflight.ts';
import { extended, GLOBAL, type Measured, SECURITY, SHIM, wide } from './support/boot-log.ts';
import { anImageSigner, aUki, imageDigest, signedImage } from './support/pe-image.ts';
import {
  aMachine,
  bootOption,
  EXIT_EVENTS,
  type Firmware,
  firmwareEvents,
  gptEvent,
  IMAGE,
  imageStarted,
  PARTITION,
  PLAIN_FIRMWARE,
  signatureLists,
  stubEvents,
  ukiSections,
  vouchedBy,
} from './support/uki-machine.ts';

const PATH = '\\EFI\\BOOT\\BOOTX64.EFI';
const LOADER = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';

/** A whole boot of one unified kernel image. */
function ukiBoot(
  image: Uint8Array,
  changed: Readonly<Record<string, string>> = {},
  { firmware = PLAIN_FIRMWARE, voucher }: { readonly firmware?: Firmware; readonly voucher?: Uint8Array } = {},
): readonly Measured[] {
  return [
    ...firmwareEvents(firmware),
    ...(voucher ? [vouchedBy(voucher)] : []),
    gptEvent(),
    imageStarted(image, PATH, PARTITION),
    ...stubEvents(ukiSections(changed)),
    ...EXIT_EVENTS,
  ];
}

/** PCRs that do not stay, with the value that is foretold. */
function others({ pcrs }: PreflightReport): Readonly<Record<number, string>> {
  return Object.fromEntries(
    pcrs.filter(({ state }) => state !== 'same').map(({ index, state, next }) => [index, next ?? state]),
  );
}

/** What the PCRs become when that is booted. */
function valuesOf(events: readonly Measured[], ...pcrs: readonly number[]): Readonly<Record<number, string>> {
  return Object.fromEntries(pcrs.map((pcr) => [pcr, toHex(extended(events, pcr))]));
}

const ids = ({ findings }: PreflightReport) => findings.map(({ id, effect }) => `${id}: ${effect}`);

describe('preflight of a machine that boots a unified kernel image', () => {
  it('would pass when nothing changed and this boot passed', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki() });
    const report = await machine.preflight(ukiBoot(aUki()));
    expect(report).toMatchObject({ verdict: 'would-pass', findings: [] });
    expect(others(report)).toEqual({});
  });

  it.each([
    ['command line', { cmdline: 'console=ttyS0 quiet more' }, { '.cmdline': 'console=ttyS0 quiet more' }],
    ['initrd', { initrd: 'another initrd' }, { '.initrd': 'another initrd' }],
    ['kernel', { linux: 'another kernel' }, { '.linux': 'another kernel' }],
  ])('foretells the PCRs of another %s', async (_, parts, sections) => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki(parts) });
    const report = await machine.preflight(ukiBoot(aUki()));
    const next = ukiBoot(aUki(parts), sections);
    const pcrs = '.linux' in sections ? [4, 11] : [4, 9, 11];
    expect(others(report)).toEqual(valuesOf(next, ...pcrs));
    expect(report.verdict).toBe('unknown'); // which boots are approved is the service's to know
  });

  it('writes a command line as the stub does: control characters are spaces, and none stand at the end', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki({ cmdline: 'a\tb\n' }) });
    const next = [
      ...ukiBoot(aUki({ cmdline: 'a\tb\n' })).slice(0, -4),
      ...stubEvents({ '.initrd': 'an initrd' }, 'a b'),
    ];
    expect(others(await machine.preflight(ukiBoot(aUki())))[9]).toBe(toHex(extended(next, 9)));
  });

  it('compares with approved boots, and then decides', async () => {
    const parts = { cmdline: 'other' };
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki(parts) });
    const [now, next] = [ukiBoot(aUki()), ukiBoot(aUki(parts), { '.cmdline': 'other' })];
    const approved = (events: readonly Measured[]) => [
      { name: 'x', pcrs: new Map(Object.entries(valuesOf(events, 4, 7, 11)).map(([pcr, hex]) => [Number(pcr), hex])) },
    ];
    expect(await machine.preflight(now, { approved: approved(next) })).toMatchObject({ verdict: 'would-pass' });
    expect(await machine.preflight(now, { approved: approved(now) })).toMatchObject({ verdict: 'would-not' });
    expect(await machine.preflight(now, { approved: [] })).toMatchObject({ verdict: 'would-not' });
  });

  it('looks only at the PCRs that were quoted', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki({ initrd: 'x' }) });
    const report = await machine.preflight(ukiBoot(aUki()), { quoted: [0, 1, 2, 3, 5, 6, 7] });
    expect(report.verdict).toBe('would-pass');
    expect(report.pcrs.find(({ index }) => index === 4)).toMatchObject({ state: 'changes', quoted: false });
  });

  it.each([
    ['was refused', { outcome: 'refused', at: 'x', code: 'policy-denied' } as const, 'would-not'],
    ['is not known to have passed', { outcome: 'unknown', why: 'it never attested' } as const, 'unknown'],
  ])('when this boot %s, the same again is no better', async (_, attestation, verdict) => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki() });
    expect(await machine.preflight(ukiBoot(aUki()), { attestation })).toMatchObject({ verdict });
  });

  it('does not know what a stub of an unknown version measures', async () => {
    const stub = '400.1';
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki({ stub }) });
    const report = await machine.preflight(ukiBoot(aUki()));
    expect(others(report)).toMatchObject({
      4: toHex(extended(ukiBoot(aUki({ stub })), 4)),
      9: 'unknown',
      11: 'unknown',
    });
    expect(report.verdict).toBe('unknown');
  });

  it('does not compute what the stub makes of files beside the image', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki(), [`${IMAGE}.extra.d/a.cred`]: 'x' });
    const report = await machine.preflight(ukiBoot(aUki()));
    expect(others(report)).toEqual({ 9: 'unknown', 12: 'unknown', 13: 'unknown' });
    expect(ids(report)).toEqual(['files-beside-image: unknown']);
  });

  it('does not trust a rule for the command line that does not give what was measured at this boot', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki({ cmdline: 'other' }) });
    const report = await machine.preflight(ukiBoot(aUki()), { commandLine: 'something else' });
    expect(others(report)[9]).toBe('unknown');
  });

  it('finds the file whatever case a FAT name was written in', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { 'efi/boot/bootx64.efi': aUki() });
    expect(await machine.preflight(ukiBoot(aUki()))).toMatchObject({ verdict: 'would-pass' });
  });

  it.each([
    ['is gone', undefined, 'image-missing: unknown', 'unknown'],
    ['is no image', 'text', 'image-refused: refused', 'would-not'],
    ['is cut off', aUki().slice(0, 600), 'image-refused: refused', 'would-not'],
  ])('when the file %s', async (_, content, finding, verdict) => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: content ?? '' });
    if (content === undefined) await machine.remove(IMAGE);
    const report = await machine.preflight(ukiBoot(aUki()));
    expect(ids(report)).toContain(finding);
    expect(report.verdict).toBe(verdict);
  });

  it('does not follow a link out of the partition', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki() });
    await machine.remove(IMAGE);
    const { symlink, writeFile } = await import('node:fs/promises');
    await writeFile(`${machine.folder}/outside`, aUki());
    await symlink(`${machine.folder}/outside`, `${machine.folder}/efi/${IMAGE}`);
    expect(ids(await machine.preflight(ukiBoot(aUki())))).toContain('image-unreadable: unknown');
  });
});

describe('preflight and the firmware', () => {
  it.each([
    ['another boot option for once', 'BootNext', GLOBAL, Uint8Array.of(2, 0), 'boot-choice-differs: unknown'],
    [
      'an entry of systemd-boot for once',
      'LoaderEntryOneShot',
      LOADER,
      wide('x.conf\0'),
      'boot-choice-differs: unknown',
    ],
    [
      'a visit to the setup',
      'OsIndications',
      GLOBAL,
      Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
      'firmware-update-pending: unknown',
    ],
    ['a key for MokManager', 'MokNew', SHIM, Uint8Array.of(1), 'key-change-pending: unknown'],
    [
      'a firmware update',
      'fwupd-1',
      '0abba7dc-e516-4167-bbf5-4d9d1c739416',
      Uint8Array.of(1),
      'firmware-update-pending: unknown',
    ],
  ])('does not know what comes of %s', async (_, name, guid, value, finding) => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki() });
    await machine.set(name, guid, value);
    const report = await machine.preflight(ukiBoot(aUki()));
    expect(ids(report)).toEqual([finding]);
    expect(report.verdict).toBe('unknown');
  });

  it('sees another boot order, and that another option comes first', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki() });
    await machine.set('Boot0002', GLOBAL, bootOption('network'));
    await machine.set('BootOrder', GLOBAL, Uint8Array.of(2, 0, 1, 0));
    const report = await machine.preflight(ukiBoot(aUki()));
    expect(ids(report)).toEqual(['boot-order-changed: unknown', 'boot-choice-differs: unknown']);
    expect(others(report)).toMatchObject({ 1: 'unknown', 4: 'unknown', 11: 'unknown' });
  });

  it('foretells PCR 1 when an option that was not taken has changed', async () => {
    const options = { Boot0001: bootOption('disk'), Boot0002: bootOption('network') };
    const firmware = { ...PLAIN_FIRMWARE, order: [1, 2], options };
    const machine = await aMachine(firmware, { [IMAGE]: aUki() });
    await machine.set('Boot0002', GLOBAL, bootOption('other'));
    const next = { ...firmware, options: { ...options, Boot0002: bootOption('other') } };
    const report = await machine.preflight(ukiBoot(aUki(), {}, { firmware }));
    expect(others(report)).toEqual(valuesOf(ukiBoot(aUki(), {}, { firmware: next }), 1));
  });

  it('does not know what an option that was taken starts after a change', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki() });
    await machine.set('Boot0001', GLOBAL, bootOption('other'));
    expect(ids(await machine.preflight(ukiBoot(aUki())))).toContain('boot-choice-differs: unknown');
  });

  describe('that does not measure boot options', () => {
    const firmware = { ...PLAIN_FIRMWARE, options: {} };
    const withOption = async (option: Uint8Array) => {
      const machine = await aMachine(firmware, { [IMAGE]: aUki() });
      await machine.set('Boot0001', GLOBAL, option);
      return machine.preflight(ukiBoot(aUki(), {}, { firmware }));
    };

    it('does not know whether arguments changed, where the image listens to them', async () => {
      const report = await withOption(bootOption('disk', PATH));
      expect(ids(report)).toEqual(['boot-choice-differs: unknown']);
      expect(others(report)).toEqual({ 9: 'unknown', 12: 'unknown' });
    });

    it('sees that the option names another file, and that it is gone', async () => {
      for (const option of [bootOption('disk', '\\EFI\\other.efi'), new Uint8Array(3)])
        expect(others(await withOption(option))).toMatchObject({ 4: 'unknown', 11: 'unknown' });
    });
  });

  it('knows nothing of variables where there is no efivarfs', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki() });
    const { rm } = await import('node:fs/promises');
    await rm(`${machine.folder}/sys/firmware/efi/efivars`, { recursive: true });
    const report = await machine.preflight(ukiBoot(aUki()));
    expect(ids(report)).toEqual(['variables-unreadable: unknown']);
    expect(others(report)).toEqual({ 1: 'unknown', 7: 'unknown' });
  });

  it('sees another partition table, and a disk that is not there', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki() });
    const { open, rm } = await import('node:fs/promises');
    const disk = await open(`${machine.folder}/disk`, 'r+');
    await disk.write(Uint8Array.of(9), 0, 1, 1024 + 40);
    await disk.close();
    const changed = await machine.preflight(ukiBoot(aUki()));
    expect(ids(changed)).toEqual(['partition-table-changed: changes']);
    expect(others(changed)[5]).toMatch(/^[0-9a-f]{64}$/);
    await rm(`${machine.folder}/disk`);
    expect(others(await machine.preflight(ukiBoot(aUki())))).toEqual({ 5: 'unknown' });
  });

  it('sees that the TPM holds more than the log tells', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { [IMAGE]: aUki() });
    const events = ukiBoot(aUki());
    const tpmPcrs = new Map([...Array(15).keys()].map((pcr) => [pcr, extended(events, pcr)]));
    expect(await machine.preflight(events, { tpmPcrs })).toMatchObject({ verdict: 'would-pass' });
    tpmPcrs.set(12, new Uint8Array(32).fill(1));
    const report = await machine.preflight(events, { tpmPcrs });
    expect(ids(report)).toEqual(['log-mismatch: unknown']);
    expect(others(report)).toEqual({ 12: 'unknown' });
  });
});

describe('preflight under Secure Boot', async () => {
  const [signer, another, stranger] = [
    await anImageSigner('one'),
    await anImageSigner('another'),
    await anImageSigner('nobody here knows'),
  ];
  const der = { one: signer.certificate.der, another: another.certificate.der };
  const firmware: Firmware = {
    ...PLAIN_FIRMWARE,
    secureBoot: true,
    db: signatureLists('x509', der.one, der.another),
    dbx: signatureLists('sha256', new Uint8Array(32)),
  };
  const signed = await signedImage(aUki(), signer);
  const now = ukiBoot(signed, {}, { firmware, voucher: der.one });

  it('would pass when nothing changed', async () => {
    const machine = await aMachine(firmware, { [IMAGE]: signed });
    expect(await machine.preflight(now)).toMatchObject({ verdict: 'would-pass', findings: [] });
  });

  it('leaves PCR 7 alone when the same key signed the new image', async () => {
    const image = await signedImage(aUki({ initrd: 'new' }), signer);
    const machine = await aMachine(firmware, { [IMAGE]: image });
    const next = ukiBoot(image, { '.initrd': 'new' }, { firmware, voucher: der.one });
    expect(others(await machine.preflight(now))).toEqual(valuesOf(next, 4, 9, 11));
  });

  it('foretells PCR 7 when another entry of db vouches for it', async () => {
    const resigned = await signedImage(aUki(), another);
    const machine = await aMachine(firmware, { [IMAGE]: resigned });
    // the digest leaves signatures out, so nothing but PCR 7 tells
    expect(others(await machine.preflight(now))).toEqual(
      valuesOf(ukiBoot(resigned, {}, { firmware, voucher: der.another }), 7),
    );
    const changed = await signedImage(aUki({ initrd: 'new' }), another);
    await machine.put(IMAGE, changed);
    const next = ukiBoot(changed, { '.initrd': 'new' }, { firmware, voucher: der.another });
    expect(others(await machine.preflight(now))).toEqual(valuesOf(next, 4, 7, 9, 11));
  });

  it.each([
    ['without a signature', aUki({ initrd: 'new' })],
    ['the same, its signature taken away', aUki()],
    ['signed by a key that is not in db', await signedImage(aUki({ initrd: 'new' }), stranger)],
    ['with the signature of another image', await signedImage(aUki({ initrd: 'new' }), signer, imageDigest(aUki()))],
  ])('tells that an image is refused: %s', async (_, image) => {
    const machine = await aMachine(firmware, { [IMAGE]: image });
    const report = await machine.preflight(now);
    expect(ids(report)).toContain('image-refused: refused');
    expect(report.verdict).toBe('would-not');
  });

  it('tells that a new dbx changes PCR 7, and that it forbids the image', async () => {
    const machine = await aMachine(firmware, { [IMAGE]: signed });
    const dbx = concat(firmware.dbx, signatureLists('sha256', new Uint8Array(32).fill(7)));
    await machine.set('dbx', SECURITY, dbx);
    const next = ukiBoot(signed, {}, { firmware: { ...firmware, dbx }, voucher: der.one });
    expect(others(await machine.preflight(now))).toEqual(valuesOf(next, 7));
    await machine.set('dbx', SECURITY, signatureLists('sha256', imageDigest(signed)));
    expect(await machine.preflight(now)).toMatchObject({ verdict: 'would-not' });
    await machine.set('dbx', SECURITY, signatureLists('x509', der.one));
    expect(await machine.preflight(now)).toMatchObject({ verdict: 'would-not' });
  });

  it('asks a changed db who vouches for an image that did not change', async () => {
    const machine = await aMachine(firmware, { [IMAGE]: signed });
    const db = signatureLists('x509', der.another, der.one);
    await machine.set('db', SECURITY, db);
    const next = ukiBoot(signed, {}, { firmware: { ...firmware, db }, voucher: der.one });
    expect(others(await machine.preflight(now))).toEqual(valuesOf(next, 7));
    await machine.set('db', SECURITY, signatureLists('x509', der.another));
    expect(await machine.preflight(now)).toMatchObject({ verdict: 'would-not' });
  });
});
