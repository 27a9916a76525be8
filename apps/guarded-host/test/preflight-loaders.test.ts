import { concat, toHex, utf8 } from '@sekimori/bytes';
import { EV } from '@sekimori/event-log';
import { describe, expect, it } from 'vitest';
import type { PreflightReport } from '../src/preflight/preflight.ts';
import { extended, hashed, labelled, type Measured, SHIM, u32, variable, wide } from './support/boot-log.ts';
import { anImageSigner, aUki, peImage, signedImage } from './support/pe-image.ts';
import {
  aMachine,
  EXIT_EVENTS,
  type Firmware,
  firmwareEvents,
  gptEvent,
  IMAGE,
  imageStarted,
  PARTITION,
  PLAIN_FIRMWARE,
  signatureData,
  signatureLists,
  stubEvents,
  ukiSections,
  vouchedBy,
} from './support/uki-machine.ts';

const LOADER = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';
const PATH = '\\EFI\\BOOT\\BOOTX64.EFI';
const [GRUB, GRUB_PATH] = ['EFI/BOOT/grubx64.efi', '\\EFI\\BOOT\\grubx64.efi'];

const verdictOf = ({ verdict, findings, pcrs }: PreflightReport) => ({
  verdict,
  findings: findings.map(({ id, effect }) => `${id}: ${effect}`),
  pcrs: Object.fromEntries(
    pcrs.filter(({ state }) => state !== 'same').map(({ index, state, next }) => [index, next ?? state]),
  ),
});

const shim = peImage([
  ['.text', 'shim'],
  ['.sbat', 'sbat,1\nshim,4\n'],
]);
const grub = peImage([
  ['.text', 'grub'],
  ['.sbat', 'sbat,1\ngrub,5\n'],
]);
/** A kernel of x86 has its magic at 0x202. */
function aKernel(text: string): Uint8Array {
  const image = peImage([['.text', text]]);
  image.set(utf8('HdrS'), 0x202);
  return image;
}

const command = (text: string): Measured => labelled(8, EV.EV_IPL, utf8(`grub_cmd: ${text}\0`), text);
const read = (path: string, content: Uint8Array | string): Measured =>
  labelled(9, EV.EV_IPL, utf8(`${path}\0`), content);

const CONFIG = 'linux /vmlinuz quiet\ninitrd /initrd.img\n';
interface Files {
  readonly kernel: Uint8Array;
  readonly initrd: string;
}

/** GRUB reads its configuration and starts a kernel, which it measures twice, as GRUB 2.06 does. */
const grubEvents = ({ kernel, initrd }: Files): readonly Measured[] => [
  command('source (hd0,gpt1)/EFI/debian/grub.cfg'),
  read('(hd0,gpt1)/EFI/debian/grub.cfg', CONFIG),
  command('linux /vmlinuz quiet'),
  read('/vmlinuz', kernel),
  imageStarted(kernel, undefined),
  imageStarted(kernel, undefined),
  labelled(8, EV.EV_IPL, utf8('kernel_cmdline: /vmlinuz quiet\0'), '/vmlinuz quiet'),
  command('initrd /initrd.img'),
  read('/initrd.img', initrd),
  command('boot'),
];

const files = { kernel: aKernel('a kernel'), initrd: 'an initrd' };
const shimEvents: readonly Measured[] = [
  labelled(14, EV.EV_IPL, utf8('MokList\0'), 'keys'),
  hashed(7, EV.EV_EFI_VARIABLE_AUTHORITY, variable(SHIM, 'SbatLevel', utf8('sbat,1\n'))),
];

const shimBoot = (now: Files = files): readonly Measured[] => [
  ...firmwareEvents(PLAIN_FIRMWARE),
  gptEvent(),
  imageStarted(shim, PATH, PARTITION),
  ...shimEvents,
  imageStarted(grub, GRUB_PATH),
  ...grubEvents(now),
  ...EXIT_EVENTS,
];

const onDisk = {
  [IMAGE]: shim,
  [GRUB]: grub,
  'EFI/debian/grub.cfg': CONFIG,
  vmlinuz: files.kernel,
  'initrd.img': files.initrd,
};

describe('preflight of a machine that boots by shim and GRUB', () => {
  it('would pass when nothing changed', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, onDisk);
    expect(verdictOf(await machine.preflight(shimBoot()))).toEqual({ verdict: 'would-pass', findings: [], pcrs: {} });
  });

  it('foretells the PCRs of a kernel and an initrd that took the place of the old ones', async () => {
    const next = { kernel: aKernel('another kernel'), initrd: 'another initrd' };
    const machine = await aMachine(PLAIN_FIRMWARE, { ...onDisk, vmlinuz: next.kernel, 'initrd.img': next.initrd });
    const report = verdictOf(await machine.preflight(shimBoot()));
    const value = (pcr: number) => toHex(extended(shimBoot(next), pcr));
    expect(report.pcrs).toEqual({ 4: value(4), 9: value(9) });
    expect(report.verdict).toBe('unknown');
  });

  it('does not know what GRUB does with another configuration', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, { ...onDisk, 'EFI/debian/grub.cfg': `${CONFIG}#` });
    const report = verdictOf(await machine.preflight(shimBoot()));
    expect(report.pcrs).toEqual({ 4: 'unknown', 8: 'unknown', 9: 'unknown' });
    expect(report.findings).toContain('loader-config-changed: unknown');
  });

  it('does not know what another GRUB measures, nor another shim', async () => {
    const newGrub = await aMachine(PLAIN_FIRMWARE, { ...onDisk, [GRUB]: peImage([['.sbat', 'sbat,1\ngrub,6\n']]) });
    expect(verdictOf(await newGrub.preflight(shimBoot())).pcrs).toEqual({ 4: 'unknown', 8: 'unknown', 9: 'unknown' });
    const newShim = await aMachine(PLAIN_FIRMWARE, { ...onDisk, [IMAGE]: peImage([['.sbat', 'sbat,1\nshim,5\n']]) });
    const report = verdictOf(await newShim.preflight(shimBoot()));
    expect(report.pcrs).toEqual({ 4: expect.stringMatching(/^[0-9a-f]{64}$/) as string, 7: 'unknown', 14: 'unknown' });
  });

  it('looks for a file that is gone, and does not take one of two for it', async () => {
    const machine = await aMachine(PLAIN_FIRMWARE, onDisk);
    await machine.remove('initrd.img');
    expect(verdictOf(await machine.preflight(shimBoot())).findings).toContain('loader-config-changed: unknown');
  });

  it('sees a boot entry that GRUB has not read', async () => {
    const entry = '(hd0,gpt1)/loader/entries/a.conf';
    const events = shimBoot().flatMap((event) =>
      event.pcr === 9 && event.data.length > 30 ? [event, read(entry, 'a')] : [event],
    );
    const machine = await aMachine(PLAIN_FIRMWARE, { ...onDisk, 'loader/entries/a.conf': 'a' });
    expect(verdictOf(await machine.preflight(events))).toMatchObject({ verdict: 'would-pass' });
    await machine.put('loader/entries/b.conf', 'b');
    expect(verdictOf(await machine.preflight(events))).toMatchObject({
      verdict: 'unknown',
      findings: ['loader-config-changed: unknown'],
    });
  });

  it('knows who vouches for GRUB: the certificate that shim measured', async () => {
    const [first, distributor, other] = [
      await anImageSigner('firmware'),
      await anImageSigner('distributor'),
      await anImageSigner('other'),
    ];
    const firmware: Firmware = {
      ...PLAIN_FIRMWARE,
      secureBoot: true,
      db: signatureLists('x509', first.certificate.der),
    };
    const [signedShim, signedGrub] = [await signedImage(shim, first), await signedImage(grub, distributor)];
    const boot = (image: Uint8Array) => [
      ...firmwareEvents(firmware),
      vouchedBy(first.certificate.der),
      gptEvent(),
      imageStarted(signedShim, PATH, PARTITION),
      ...shimEvents,
      hashed(7, EV.EV_EFI_VARIABLE_AUTHORITY, variable(SHIM, 'MokListRT', signatureData(distributor.certificate.der))),
      imageStarted(image, GRUB_PATH),
      ...EXIT_EVENTS,
    ];
    const machine = await aMachine(firmware, { [IMAGE]: signedShim, [GRUB]: signedGrub });
    expect(verdictOf(await machine.preflight(boot(signedGrub)))).toMatchObject({ verdict: 'would-pass' });
    await machine.put(GRUB, await signedImage(peImage([['.sbat', 'sbat,1\ngrub,6\n']]), other));
    expect(verdictOf(await machine.preflight(boot(signedGrub)))).toMatchObject({
      findings: expect.arrayContaining(['authority-changed: unknown']) as string[],
      pcrs: { 7: 'unknown' },
    });
  });
});

describe('preflight of a machine that boots by systemd-boot', () => {
  const loader = peImage([['.sdmagic', '#### LoaderInfo: systemd-boot 252.39 ####']]);
  const loaderConf = 'timeout 3\n';
  const uki = aUki();
  const boot: readonly Measured[] = [
    ...firmwareEvents(PLAIN_FIRMWARE),
    gptEvent(),
    imageStarted(loader, PATH, PARTITION),
    {
      ...hashed(5, EV.EV_EVENT_TAG, concat(u32(0xf5bc582a), u32(12), utf8('loader.conf\0'))),
      digest: hashed(5, 0, loaderConf).digest,
    },
    imageStarted(uki, '\\EFI\\Linux\\one.efi', PARTITION),
    ...stubEvents(ukiSections()),
    ...EXIT_EVENTS,
  ];
  async function withLoader(more: Readonly<Record<string, Uint8Array | string>> = {}) {
    const machine = await aMachine(PLAIN_FIRMWARE, {
      [IMAGE]: loader,
      'loader/loader.conf': loaderConf,
      'EFI/Linux/one.efi': uki,
      ...more,
    });
    await machine.set('LoaderEntries', LOADER, wide('one.efi\0auto-reboot-to-firmware-setup\0'));
    await machine.set('LoaderEntrySelected', LOADER, wide('one.efi\0'));
    return machine;
  }

  it('would pass when it finds the entries that it found at this boot', async () => {
    expect(verdictOf(await (await withLoader()).preflight(boot))).toEqual({
      verdict: 'would-pass',
      findings: [],
      pcrs: {},
    });
  });

  it('foretells the PCRs of a new image in the place of the old one', async () => {
    const machine = await withLoader({ 'EFI/Linux/one.efi': aUki({ initrd: 'new' }) });
    const { pcrs } = verdictOf(await machine.preflight(boot));
    const next = stubEvents(ukiSections({ '.initrd': 'new' }));
    expect(pcrs).toMatchObject({ 9: toHex(extended(next, 9)), 11: toHex(extended(next, 11)) });
    expect(pcrs[4]).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['a new entry is there', { 'EFI/Linux/two+3.efi': aUki() }],
    ['a new entry of a file is there', { 'loader/entries/two.conf': 'linux /x' }],
    ['loader.conf names another entry', { 'loader/loader.conf': 'default two.efi\n' }],
    ['loader.conf has a pattern', { 'loader/loader.conf': 'default o*\n' }],
  ])('does not know which entry it takes when %s', async (_, more) => {
    const machine = await withLoader(more);
    const report = verdictOf(await machine.preflight(boot));
    expect(report.findings).toContain('loader-entry-changed: unknown');
    expect(report.verdict).toBe('unknown');
  });

  it('does not know which entry it takes when this boot was chosen by hand', async () => {
    const machine = await withLoader({ 'EFI/Linux/zero.efi': uki });
    await machine.set('LoaderEntries', LOADER, wide('zero.efi\0one.efi\0'));
    expect(verdictOf(await machine.preflight(boot)).findings).toEqual(['loader-entry-changed: unknown']);
    await machine.set('LoaderEntryDefault', LOADER, wide('one.efi\0'));
    expect(verdictOf(await machine.preflight(boot)).verdict).toBe('would-pass');
  });

  it('takes an entry whose tries are counted in its name for the same', async () => {
    const machine = await withLoader({ 'EFI/Linux/two+2-1.efi': aUki() });
    await machine.set('LoaderEntries', LOADER, wide('one.efi\0two.efi\0'));
    expect(verdictOf(await machine.preflight(boot)).verdict).toBe('would-pass');
  });

  it('foretells PCR 5 of another loader.conf', async () => {
    const machine = await withLoader({ 'loader/loader.conf': 'timeout 9\n' });
    const next = boot.map((event) =>
      event.type === EV.EV_EVENT_TAG && event.pcr === 5
        ? { ...event, digest: hashed(5, 0, 'timeout 9\n').digest }
        : event,
    );
    expect(verdictOf(await machine.preflight(boot)).pcrs).toEqual({ 5: toHex(extended(next, 5)) });
  });
});
