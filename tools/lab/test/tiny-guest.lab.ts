import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  bootsOnDisk,
  labIsMissing,
  signedTinyGuestImage,
  tinyGuestApplication,
  tinyGuestImage,
  type TinyGuestOptions,
} from '@sekimori/lab';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Machine, type MachineOptions, startMachine } from './machine.ts';

const run = promisify(execFile);
const counting: TinyGuestOptions = { message: 'it lives', countOnDisk: true, countInNvram: true, mode: 'shutdown' };

describe.skipIf(labIsMissing())('the tiny guest', () => {
  let folder: string;
  const file = (name: string) => join(folder, name);
  const withVariables = (name: string) => copyFile(join('/usr/share/OVMF', name), file('variables.fd'));
  let machine: Machine | undefined;
  const powerOn = (options?: MachineOptions) => (machine = startMachine(folder, options));
  /** Waits until the guest has powered itself off, and gives what it said. */
  const booted = async (options?: MachineOptions) => {
    const started = powerOn(options);
    await started.ended;
    return started.said();
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tiny-'));
    await withVariables('OVMF_VARS_4M.fd');
  });
  afterEach(async () => {
    await machine?.end();
    await rm(folder, { recursive: true });
  });

  it('has a file system that others read, without a complaint', async () => {
    await writeFile(file('disk.img'), tinyGuestImage(counting));
    await run('/usr/sbin/fsck.vfat', ['-n', file('disk.img')]);
    await run('mcopy', ['-i', file('disk.img'), '::EFI/BOOT/BOOTX64.EFI', file('out.efi')]);
    expect((await readFile(file('out.efi'))).equals(tinyGuestApplication(counting))).toBe(true);
  });

  it('says its message, counts its boots and powers off', async () => {
    await writeFile(file('disk.img'), tinyGuestImage(counting));
    const first = await booted();
    expect(first).toContain('it lives\r\n');
    expect(first).toContain('boots, by the disk: 0000000000000001\r\n');
    expect(first).toContain('boots, by the NVRAM: 0000000000000001\r\n');

    await withVariables('OVMF_VARS_4M.fd'); // NVRAM lost, disk kept
    const second = await booted();
    expect(second).toContain('boots, by the disk: 0000000000000002\r\n');
    expect(second).toContain('boots, by the NVRAM: 0000000000000001\r\n');

    await writeFile(file('disk.img'), tinyGuestImage(counting)); // disk lost, NVRAM kept
    const third = await booted();
    expect(third).toContain('boots, by the disk: 0000000000000001\r\n');
    expect(third).toContain('boots, by the NVRAM: 0000000000000002\r\n');
  });

  it('counts on a machine without any console, all 64 bits', async () => {
    const image = tinyGuestImage(counting);
    image.set([0xff, 0xff, 0xff, 0xff], 512);
    await writeFile(file('disk.img'), image);
    expect(await booted({ serial: false })).toBe('');
    expect(bootsOnDisk(await readFile(file('disk.img')))).toBe(0x1_0000_0000n);
  });

  it('does not count when not asked to', async () => {
    await writeFile(file('disk.img'), tinyGuestImage({ message: 'it lives', mode: 'shutdown' }));
    const said = await booted();
    expect(said).toContain('it lives\r\n');
    expect(said).not.toContain('boots, by');
    expect(bootsOnDisk(await readFile(file('disk.img')))).toBe(0n);
  });

  it('says so when its disk cannot be written', async () => {
    await writeFile(file('disk.img'), tinyGuestImage(counting));
    const said = await booted({ readOnly: true });
    expect(said).toContain('the disk fails: 8000000000000008\r\n'); // EFI_WRITE_PROTECTED
    expect(said).toContain('boots, by the NVRAM: 0000000000000001\r\n');
  });

  it('stays until the power button is pressed', async () => {
    await writeFile(file('disk.img'), tinyGuestImage({ ...counting, mode: 'stay' }));
    const staying = powerOn();
    await staying.says('stays until the power button is pressed\r\n');
    await staying.pressPowerButton();
    expect(bootsOnDisk(await readFile(file('disk.img')))).toBe(1n);
  });

  describe('with Secure Boot on', () => {
    const code = 'OVMF_CODE_4M.secboot.fd';
    beforeEach(() => withVariables('OVMF_VARS_4M.snakeoil.fd'));

    it('is refused without a signature', async () => {
      await writeFile(file('disk.img'), tinyGuestImage(counting));
      const refusing = powerOn({ code });
      await refusing.says('No bootable option');
      expect(await refusing.said()).toMatch(/Access Denied|Security Violation/);
      expect(await refusing.said()).not.toContain('it lives');
      expect(bootsOnDisk(await readFile(file('disk.img')))).toBe(0n);
    });

    it('boots when signed with the test key', async () => {
      await writeFile(file('disk.img'), await signedTinyGuestImage(counting));
      expect(await booted({ code })).toContain('boots, by the disk: 0000000000000001\r\n');
    });

    it('is refused when it was changed after signing', async () => {
      const image = Buffer.from(await signedTinyGuestImage(counting));
      image.write('it lied!', image.indexOf(Buffer.from('it lives', 'utf16le')), 'utf16le');
      await writeFile(file('disk.img'), image);
      const refusing = powerOn({ code });
      await refusing.says('No bootable option');
      expect(await refusing.said()).not.toContain('it lied!');
    });
  });
});
