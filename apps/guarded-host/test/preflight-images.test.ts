import { concat, equal, toHex, utf8 } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import type { Certificate } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import fuzzImage from '../fuzz/boot-image.ts';
import fuzzOption from '../fuzz/load-option.ts';
import fuzzDatabase from '../fuzz/signature-database.ts';
import { authenticodeDigest } from '../src/preflight/authenticode.ts';
import { kindOf } from '../src/preflight/image-kind.ts';
import { imageSignatures, leadsTo } from '../src/preflight/image-signature.ts';
import { fatMounts } from '../src/preflight/linux-environment.ts';
import { loadOption } from '../src/preflight/load-option.ts';
import { contentOfSection, parsePe, sectionOf } from '../src/preflight/pe.ts';
import { databaseEntries } from '../src/preflight/signature-database.ts';
import { asArguments, embeddedInitrd, stubMeasurements } from '../src/preflight/uki.ts';
import { anImageSigner, aUki, imageDigest, peImage, signedImage } from './support/pe-image.ts';
import { bootOption, signatureLists } from './support/uki-machine.ts';

const signer = await anImageSigner('one');
const signed = await signedImage(aUki(), signer);
const [PE_AT, OPTIONAL_AT] = [0x80, 0x98];

/** Another value in a field of 32 bits. */
function changed(image: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(image);
  new DataView(copy.buffer).setUint32(at, value, true);
  return copy;
}

const digestOf = (image: Uint8Array) => {
  const parsed = parsePe(image);
  return parsed.ok ? authenticodeDigest(crypto, 'sha256', parsed.value) : parsed;
};

describe('a boot image', () => {
  it('has the digest that firmware measures: all but check sum and signatures', () => {
    expect(toHex(expectOk(digestOf(signed)))).toBe(toHex(imageDigest(aUki())));
    expect(equal(expectOk(digestOf(changed(signed, OPTIONAL_AT + 64, 7))), expectOk(digestOf(signed)))).toBe(true);
    for (let at = 0; at < 64; at += 7) {
      const image = Uint8Array.from(aUki());
      const place = image.length - 1 - at;
      image[place] = image[place]! ^ 1;
      expect(toHex(expectOk(digestOf(image)))).toBe(toHex(imageDigest(image)));
    }
  });

  it('has data behind its sections in the digest', () => {
    const image = concat(aUki(), utf8('more'));
    expect(toHex(expectOk(digestOf(image)))).toBe(toHex(imageDigest(image)));
  });

  it('has sections as long as they are in memory, with zeros behind what is in the file', () => {
    const image = peImage([['.cmdline', 'quiet']]);
    const table = OPTIONAL_AT + 240;
    const longer = expectOk(parsePe(changed(image, table + 8, 700)));
    const content = expectOk(contentOfSection(longer, sectionOf(longer, '.cmdline')!));
    expect([content.length, toHex(content.subarray(0, 6))]).toEqual([700, '717569657400']);
    const shorter = expectOk(parsePe(changed(image, table + 8, 2)));
    expect(toHex(expectOk(contentOfSection(shorter, sectionOf(shorter, '.cmdline')!)))).toBe('7175');
    const huge = expectOk(parsePe(changed(image, table + 8, 0xffffffff)));
    expect(contentOfSection(huge, sectionOf(huge, '.cmdline')!)).toMatchObject({ fault: { code: 'image-malformed' } });
  });

  it.each([
    ['no signature of PE', changed(aUki(), PE_AT, 0)],
    ['another optional header', changed(aUki(), OPTIONAL_AT, 0x107)],
    ['headers beyond the file', changed(aUki(), OPTIONAL_AT + 60, 1 << 20)],
    ['headers shorter than the section table', changed(aUki(), OPTIONAL_AT + 60, 64)],
    ['a section beyond the file', changed(aUki(), OPTIONAL_AT + 240 + 16, 1 << 20)],
    ['signatures beyond the file', changed(aUki(), OPTIONAL_AT + 112 + 36, 1 << 20)],
    ['a place of the header beyond the file', changed(aUki(), 60, 0xffffff00)],
    ['nothing', new Uint8Array()],
  ])('is refused: %s', (_, image) => {
    expect(digestOf(image)).toMatchObject({ fault: { code: 'image-malformed' } });
  });

  it('is refused where sections overlap, before anything is hashed twice', () => {
    const all = aUki().length;
    let image = aUki();
    for (const section of [0, 1, 2]) {
      image = changed(image, OPTIONAL_AT + 240 + 40 * section + 16, all);
      image = changed(image, OPTIONAL_AT + 240 + 40 * section + 20, 0);
    }
    expect(digestOf(image)).toMatchObject({ fault: { code: 'image-malformed' } });
  });

  it('is told by what it carries', () => {
    expect(kindOf(expectOk(parsePe(aUki())))).toBe('uki');
    expect(kindOf(expectOk(parsePe(peImage([['.text', 'x']]))))).toBe('other');
  });
});

describe('the signature of an image', () => {
  const signaturesOf = (image: Uint8Array) => imageSignatures(crypto, expectOk(parsePe(image)));
  const keyOf = (certificate: Certificate) => toHex(expectOk(certificate.publicKey(crypto)).spki);

  it('leads to its certificate, which may have ended', async () => {
    const [signature, ...others] = signaturesOf(signed);
    expect(others).toEqual([]);
    expect(leadsTo(crypto, signature!, signer.certificate)).toBe(true);
    expect(leadsTo(crypto, signature!, (await anImageSigner('one')).certificate)).toBe(false);
  });

  it('holds for the image that it was made for, and for no other', async () => {
    const [other, start] = [aUki({ initrd: 'x' }), aUki().length];
    expect(signaturesOf(await signedImage(other, signer, imageDigest(aUki())))).toEqual([]);
    for (let at = start; at < signed.length; at += 5) {
      const image = Uint8Array.from(signed);
      image[at] = image[at]! ^ 0x40;
      // The certificate may say anything else: it is the key that has signed.
      for (const each of signaturesOf(image)) expect(keyOf(each.signer)).toBe(keyOf(signer.certificate));
    }
  });

  it('does not hold once what is signed is changed', () => {
    const content = Buffer.from(signed).indexOf(Buffer.from(imageDigest(aUki())), aUki().length);
    const image = Uint8Array.from(signed);
    image[content] = image[content]! ^ 1;
    expect(signaturesOf(image)).toEqual([]);
  });
});

describe('what the stub measures', () => {
  it('is .uname and .sbat from version 254 on', () => {
    const image = (version: string) =>
      expectOk(
        parsePe(
          peImage([
            ['.sdmagic', `#### LoaderInfo: systemd-stub ${version} ####`],
            ['.sbat', 'sbat,1\n'],
            ['.uname', '6.1'],
            ['.linux', 'x'],
          ]),
        ),
      );
    const names = (version: string) =>
      expectOk(stubMeasurements(crypto, 'sha256', image(version))).map(({ name }) => name);
    expect(names('252.1')).toEqual(['.linux']);
    expect(names('255')).toEqual(['.linux', '.uname', '.sbat']);
    expect(stubMeasurements(crypto, 'sha256', image('253.1'))).toMatchObject({ fault: { code: 'stub-unknown' } });
    expect(embeddedInitrd(image('257'))).toMatchObject({ fault: { code: 'stub-unknown' } });
  });

  it('is chosen at boot where the image has profiles', () => {
    const image = peImage([
      ['.sdmagic', '#### LoaderInfo: systemd-stub 257 ####'],
      ['.linux', 'x'],
      ['.profile', 'ID=a'],
    ]);
    expect(stubMeasurements(crypto, 'sha256', expectOk(parsePe(image)))).toMatchObject({ ok: false });
  });

  it('joins microcode and initrd at multiples of four', () => {
    const image = peImage([
      ['.sdmagic', '#### LoaderInfo: systemd-stub 256.1 ####'],
      ['.linux', 'x'],
      ['.ucode', 'abcde'],
      ['.initrd', 'i'],
    ]);
    expect(toHex(expectOk(embeddedInitrd(expectOk(parsePe(image))))!)).toBe(toHex(utf8('abcde\0\0\0i\0\0\0')));
  });

  it('takes control characters for spaces, and none at the ends', () => {
    expect(asArguments(' \ta\nb\u007fc  ')).toBe('a b c');
  });
});

describe('the mounts of a machine', () => {
  it('are the whole FAT file systems, with what stands for a space undone', () => {
    const mountinfo = [
      '20 1 8:2 / / rw - ext4 /dev/sda2 rw',
      '21 20 8:1 / /boot/efi rw,relatime shared:1 - vfat /dev/sda1 rw',
      String.raw`22 20 8:17 / /mnt/a\040stick rw - vfat /dev/sdb1 rw`,
      '23 20 8:1 /EFI /srv/efi rw - vfat /dev/sda1 rw',
      'nonsense',
    ].join('\n');
    expect(fatMounts(mountinfo)).toEqual([
      { folder: '/boot/efi', device: '8:1' },
      { folder: '/mnt/a stick', device: '8:17' },
    ]);
  });
});

describe('every input is a value or a fault', () => {
  it('for images: cut at each length, and each byte of the headers and of the signature changed', () => {
    for (let length = 0; length < signed.length; length += length < 1024 ? 1 : 37)
      fuzzImage(signed.subarray(0, length));
    for (let at = 0; at < signed.length; at++) {
      if (at > 1024 && at < aUki().length) continue;
      for (const flip of [1, 0x80, 0xff]) {
        const image = Uint8Array.from(signed);
        image[at] = image[at]! ^ flip;
        expect(() => fuzzImage(image)).not.toThrow();
      }
    }
  });

  it('for boot options: cut at each length, and each byte changed', () => {
    const option = bootOption('disk', String.raw`\EFI\x.efi`);
    expect(loadOption(option)).toEqual({ description: 'disk', path: String.raw`\EFI\x.efi` });
    expect(loadOption(option.with(19, 0xff))).toBeUndefined(); // the length of its first node
    for (let length = 0; length < option.length; length++) fuzzOption(option.subarray(0, length));
    for (let at = 0; at < option.length; at++) {
      const bytes = Uint8Array.from(option);
      bytes[at] = bytes[at]! ^ 0xff;
      expect(() => fuzzOption(bytes)).not.toThrow();
    }
  });

  it('for db and dbx: cut at each length, and each byte changed', () => {
    const lists = concat(signatureLists('x509', signer.certificate.der), signatureLists('sha256', new Uint8Array(32)));
    expect(databaseEntries(lists)?.map(({ type }) => type)).toEqual(['certificate', 'image-sha256']);
    for (let length = 0; length < lists.length; length++) fuzzDatabase(lists.subarray(0, length));
    for (let at = 0; at < lists.length; at++) {
      const bytes = Uint8Array.from(lists);
      bytes[at] = bytes[at]! ^ 0xff;
      expect(() => fuzzDatabase(bytes)).not.toThrow();
    }
  });
});
