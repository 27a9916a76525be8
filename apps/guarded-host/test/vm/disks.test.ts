import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { allowedHere } from '../../src/vm/allowed.ts';
import type { VmDefinition } from '../../src/vm/definition/schema.ts';
import { openDisk } from '../../src/vm/disks.ts';
import { aVmFolder } from './support/vm-folder.ts';

const disk = (file: string) => ({ name: 'data', file, mode: 'outer' }) as const;
const unsafe = { fault: { code: 'vm-disk-unsafe' } };

describe('a disk', () => {
  it("is a file of the VM's folder, or of a folder in it", async () => {
    const folder = await aVmFolder();
    await mkdir(join(folder, 'disks'));
    for (const file of ['data.img', 'disks/data.img']) {
      await writeFile(join(folder, file), 'content');
      await expectOk(await openDisk(folder, disk(file))).close();
    }
    expect(await openDisk(folder, disk('none.img'))).toMatchObject({ fault: { code: 'vm-disk-missing' } });
  });

  it('is behind no link, has no other name, and is no pipe or folder', async () => {
    const [folder, elsewhere] = [await aVmFolder(), await aVmFolder()];
    const outside = join(elsewhere, 'of-the-host');
    await writeFile(outside, 'of the host');
    await symlink(outside, join(folder, 'link.img'));
    await symlink(elsewhere, join(folder, 'linked'));
    await link(outside, join(folder, 'hard.img'));
    await mkdir(join(folder, 'folder.img'));
    for (const file of ['link.img', 'linked/of-the-host', 'hard.img'])
      expect(await openDisk(folder, disk(file)), file).toMatchObject(unsafe);
    await expect(openDisk(folder, disk('folder.img'))).rejects.toThrow('EISDIR');
    expect(await openDisk(folder, disk('/dev/null'))).toMatchObject(unsafe);
  });
});

describe('what a host allows', () => {
  const allow = {
    accelerators: ['kvm' as const],
    devices: ['/dev/vg/one', '/dev/tenants/'],
    taps: ['tap1'],
    userNetwork: false,
  };
  const definition = (parts: Partial<VmDefinition>) =>
    ({ machine: { cpus: 1, memoryMiB: 64 }, disks: [disk('data.img')], ...parts }) as VmDefinition;
  const refusal = (parts: Partial<VmDefinition>) => {
    const outcome = allowedHere(definition(parts), allow);
    return outcome.ok ? undefined : outcome.fault.detail;
  };

  it('are files, KVM, and what its settings name', () => {
    expect(refusal({})).toBeUndefined();
    expect(refusal({ disks: [disk('/dev/vg/one'), disk('/dev/tenants/a')] })).toBeUndefined();
    expect(refusal({ networks: [{ type: 'tap', tap: 'tap1' }] })).toBeUndefined();
  });

  it.each([
    ['a device of the host', { disks: [disk('/dev/sda')] }, 'the device /dev/sda (disk data)'],
    ['a device that only begins like one', { disks: [disk('/dev/vg/one2')] }, '/dev/vg/one2'],
    ['a way out of a folder of devices', { disks: [disk('/dev/tenants/../sda')] }, '/dev/tenants/../sda'],
    ['another tap', { networks: [{ type: 'tap' as const, tap: 'tap10' }] }, 'the tap device tap10'],
    ["the host's own network", { networks: [{ type: 'user' as const }] }, "QEMU's user network"],
    ['emulation', { machine: { accelerator: 'tcg' as const, cpus: 1, memoryMiB: 64 } }, 'the accelerator tcg'],
  ])('is not %s', (_, parts, expected) => {
    expect(refusal(parts)).toContain(expected);
  });
});
