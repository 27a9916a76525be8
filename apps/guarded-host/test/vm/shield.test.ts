import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { programsMissing } from '@sekimori/testkit';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createVm } from '../../src/vm/create.ts';
import { vmPaths } from '../../src/vm/folder/layout.ts';
import { type ShieldOptions, shieldVm } from '../../src/vm/shield.ts';
import { aVmFolder } from './support/vm-folder.ts';
import { claimantNamed, owner } from './support/vm-host.ts';

// Disks in mode boot alone: they are copied, which needs neither QEMU nor cryptsetup.
describe.skipIf(programsMissing('swtpm', 'swtpm_setup'))('shielding, in a folder that others write to', () => {
  let place: string;
  let folder: string;
  const at = (name: string) => join(place, name);

  async function aFolder(file: string): Promise<void> {
    const made = await createVm(place, 'vm', {
      security: 'encryption-supported',
      machine: { accelerator: 'tcg', cpus: 1, memoryMiB: 128 },
      firmware: { secureBoot: false },
      disks: [{ name: 'disk', file, mode: 'boot', bootIndex: 0 }],
    });
    ({ folder } = expectOk(made));
  }
  const options = (): ShieldOptions => ({
    folder,
    owner,
    guardians: [],
    sources: new Map([['disk', at('image')]]),
    nvram: utf8('nvram'),
    bootPolicies: [],
    claimant: claimantNamed('owner'),
    at: new Date(),
  });
  const shield = () => shieldVm(options());
  /** Everything is in place then, and no generation is there. */
  const crashed = () =>
    shieldVm({
      ...options(),
      get claimant(): never {
        throw new Error('a crash');
      },
    });

  beforeEach(async () => {
    place = await aVmFolder();
    await writeFile(at('image'), 'an image');
  });

  it('goes on where an earlier try was cut short', async () => {
    await aFolder('disk.img');
    await expect(crashed()).rejects.toThrow('a crash');
    await writeFile(at('image'), 'a better image');
    expectOk(await shield());
    expect(await readFile(join(folder, 'disk.img'), 'utf8')).toBe('a better image');
    expect(await readdir(folder)).not.toContain('.shielding');
  });

  it.each([
    ['an empty folder', async () => {}],
    ['a note of another file', async (shielding: string) => writeFile(join(shielding, 'placed'), '{"disk":"1"}')],
    ['a note that is none', async (shielding: string) => writeFile(join(shielding, 'placed'), 'null')],
  ])('does not take a disk for its own by %s in the name of an earlier try', async (_, plant) => {
    await aFolder('disk.img');
    await writeFile(join(folder, 'disk.img'), 'precious');
    const { shielding } = vmPaths(folder);
    await mkdir(shielding);
    await plant(shielding);
    expect(await shield()).toMatchObject({ fault: { code: 'vm-disk-exists' } });
    expect(await readFile(join(folder, 'disk.img'), 'utf8')).toBe('precious');
  });

  it("does not remove what took the place of an earlier try's disk", async () => {
    await aFolder('disk.img');
    await expect(crashed()).rejects.toThrow('a crash');
    const disk = join(folder, 'disk.img');
    await rename(disk, join(folder, 'moved.img'));
    for (const another of [() => writeFile(disk, 'precious'), () => symlink(at('image'), disk), () => mkdir(disk)]) {
      await another();
      expect(await shield()).toMatchObject({ fault: { code: 'vm-disk-exists' } });
      expect(await readdir(folder)).toContain('disk.img');
      await rm(disk, { recursive: true });
    }
    expect(await readFile(at('image'), 'utf8')).toBe('an image');
  });

  it('does not write to a device, or remove its node', async () => {
    const shared = await mkdtemp('/dev/shm/shield-'); // below /dev, and nobody misses it
    onTestFinished(() => rm(shared, { recursive: true }));
    const device = join(shared, 'device');
    await writeFile(device, 'precious');
    await aFolder(device);
    await mkdir(vmPaths(folder).shielding);
    expect(await shield()).toMatchObject({ fault: { code: 'vm-disk-device' } });
    expect(await readFile(device, 'utf8')).toBe('precious');
  });

  it('does not follow a link out of the folder', async () => {
    await aFolder('sub/disk.img');
    await mkdir(at('elsewhere'));
    await writeFile(at('elsewhere/disk.img.shielding'), 'precious');
    await symlink(at('elsewhere'), join(folder, 'sub'));
    expect(await shield()).toMatchObject({ fault: { code: 'vm-disk-unsafe' } });
    expect(await readdir(at('elsewhere'))).toEqual(['disk.img.shielding']);
  });
});
