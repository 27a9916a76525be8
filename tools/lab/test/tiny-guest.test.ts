import { bootsOnDisk, tinyGuestApplication, tinyGuestImage, type TinyGuestOptions } from '@sekimori/lab';
import { describe, expect, it } from 'vitest';
import { assemble } from '../src/tiny-guest/assemble.ts';
import { bootDisk } from '../src/tiny-guest/fat.ts';
import { layOut } from '../src/tiny-guest/layout.ts';
import { peApplication } from '../src/tiny-guest/pe.ts';
import { fileOnFat16, sectionsOf } from './formats.ts';

const everything: TinyGuestOptions = { message: 'hello', countOnDisk: true, countInNvram: true, mode: 'stay' };

describe('the disk', () => {
  it('has the application where firmware looks for it', () => {
    const found = fileOnFat16(tinyGuestImage(everything), ['EFI', 'BOOT', 'BOOTX64 EFI']);
    expect(Buffer.from(found).equals(tinyGuestApplication(everything))).toBe(true);
  });

  it.each([1, 511, 512, 513, 100_000])('holds an application of %i bytes', (length) => {
    const application = new Uint8Array(length).map((_, n) => n % 251);
    const found = fileOnFat16(bootDisk(application), ['EFI', 'BOOT', 'BOOTX64 EFI']);
    expect(Buffer.from(found).equals(application)).toBe(true);
  });

  it('refuses an application that it has no room for', () => {
    expect(() => bootDisk(new Uint8Array(4 << 20))).toThrow(RangeError);
  });

  it('counts outside the file system, from zero', () => {
    const image = tinyGuestImage(everything);
    expect(bootsOnDisk(image)).toBe(0n);
    image.set([2, 1], 512);
    expect(bootsOnDisk(image)).toBe(0x102n);
    const larger = Buffer.concat([Buffer.alloc(3), image]);
    expect(bootsOnDisk(larger.subarray(3)), 'of a view').toBe(0x102n);
    expect(fileOnFat16(image, ['EFI', 'BOOT', 'BOOTX64 EFI'])).toHaveLength(tinyGuestApplication(everything).length);
  });

  it('is the same for the same options, and another one for others', () => {
    const images = [
      everything,
      { ...everything },
      { ...everything, message: 'hallo' },
      { ...everything, countOnDisk: false },
      { ...everything, countInNvram: false },
      { ...everything, mode: 'shutdown' as const },
    ].map((options) => Buffer.from(tinyGuestImage(options)).toString('latin1'));
    expect(images[1]).toBe(images[0]);
    expect(new Set(images).size).toBe(images.length - 1);
  });
});

describe('the application', () => {
  it('is a PE32+ file for UEFI on x86-64', () => {
    const view = Buffer.from(tinyGuestApplication(everything));
    const pe = view.readUInt32LE(0x3c);
    expect(view.toString('latin1', 0, 2)).toBe('MZ');
    expect(view.toString('latin1', pe, pe + 4)).toBe('PE\0\0');
    expect(view.readUInt16LE(pe + 4), 'Machine').toBe(0x8664);
    expect(view.readUInt16LE(pe + 24), 'Magic').toBe(0x20b);
    expect(view.readUInt16LE(pe + 24 + 68), 'Subsystem').toBe(10);
    expect(view.readUInt32LE(pe + 24 + 108), 'NumberOfRvaAndSizes').toBe(16);
  });

  it('has sections that lie in file and image, do not overlap, and are never writable and executable', () => {
    const application = tinyGuestApplication(everything);
    const { sections, entryPoint, sizeOfImage, sizeOfHeaders } = sectionsOf(application);
    expect(sections.map(({ name }) => name)).toEqual(['.text', '.data']);
    let [addressFree, offsetFree] = [sizeOfHeaders, sizeOfHeaders];
    for (const section of sections) {
      expect(section.address).toBeGreaterThanOrEqual(addressFree);
      expect(section.address % 0x1000).toBe(0);
      expect(section.offset).toBe(offsetFree);
      addressFree = section.address + section.size;
      offsetFree = section.offset + section.fileSize;
      expect([section.writable, section.executable].filter(Boolean)).toHaveLength(1);
      expect(section.fileSize).toBeGreaterThanOrEqual(section.size);
    }
    expect(offsetFree).toBe(application.length);
    expect(addressFree).toBeLessThanOrEqual(sizeOfImage);
    expect(entryPoint).toBe(sections[0]?.address);
  });

  it('refuses code that would reach into its data', () => {
    expect(() => peApplication(new Uint8Array(0x1001), new Uint8Array())).toThrow(RangeError);
  });

  it('has its message as UEFI wants it', () => {
    const application = Buffer.from(tinyGuestApplication({ message: 'hello there', mode: 'shutdown' }));
    expect(application.includes(Buffer.from('hello there\r\n\0', 'utf16le'))).toBe(true);
  });

  it.each(['', 'two\nlines', 'grüße', 'escape \u001b[2J', 'x'.repeat(79)])('refuses the message %j', (message) => {
    expect(() => tinyGuestApplication({ message, mode: 'stay' })).toThrow(RangeError);
  });
});

describe('assemble', () => {
  const none = new Map<string, number>();
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

  it('counts distances from the end of the instruction, in both directions', () => {
    const program = [
      ['first:', ''],
      ['e9 @second', 'jmp second'],
      ['e9 @first', 'jmp first'],
      ['second:', ''],
      ['48 8d 15 @datum', 'lea rdx, [datum]'],
    ] as const;
    expect(hex(assemble(program, 0x1000, new Map([['datum', 0x2000]])))).toBe('e905000000e9f6ffffff488d15ef0f0000');
  });

  it('refuses a name that is not there, or twice', () => {
    expect(() => assemble([['e9 @gone', '']], 0, none)).toThrow('gone');
    expect(() => assemble([['a:', ''], ['a:', '']], 0, none)).toThrow('twice'); // biome-ignore format: short
    expect(() => assemble([['a:', '']], 0, new Map([['a', 1]]))).toThrow('twice');
  });

  it.each(['4', '48 8', '48,89', 'e9 @a 00', 'E9', ''])('refuses the line %j', (code) => {
    expect(() => assemble([[code, '']], 0, new Map([['a', 1]]))).toThrow('not a line');
  });
});

it('a field refuses a value of another size', () => {
  expect(() => layOut([['BPB_BytsPerSec', 2, 0x10000]])).toThrow(RangeError);
  expect(() => layOut([['BPB_BytsPerSec', 2, -1]])).toThrow(RangeError);
  expect(() => layOut([['BS_OEMName', 8, 'SEKI']])).toThrow(RangeError);
});
