import { readdir, readFile, stat } from 'node:fs/promises';
import { toHex } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { labIsMissing, tinyGuestImage } from '@sekimori/lab';
import { opensWith } from '@sekimori/qemu';
import { expectOk } from '@sekimori/result';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { latestClaim } from '../../src/vm/folder/claim.ts';
import { releaseLocally } from '../../src/vm/keys.ts';
import type { VmSettings } from '../../src/vm/settings.ts';
import { knownVm, unlock } from '../../src/vm/unlock.ts';
import type { VirtualMachines } from '../../src/vm/virtual-machines.ts';
import { aPlace, aShieldedVm, fabric, serialText, vmHost, vmSettings } from './support/vm-host.ts';

const MESSAGE = 'hello from the encrypted disk';

describe.skipIf(labIsMissing('outer'))('a VM with an outer disk', () => {
  let place: Awaited<ReturnType<typeof aPlace>>;
  let settings: VmSettings;
  let host: VirtualMachines;
  const log: string[] = [];

  beforeAll(async () => {
    place = await aPlace();
    settings = await vmSettings(place.folder);
    host = await vmHost(settings, { log });
  });
  afterAll(async () => {
    for (const { name } of await host.list()) await host.stop(name, { graceSeconds: 0 });
    await host.close();
    await place.remove();
  });

  it('boots from it, and counts on the same disk and in the same NVRAM each time', async () => {
    const image = tinyGuestImage({ message: MESSAGE, countOnDisk: true, countInNvram: true, mode: 'shutdown' });
    const { folder } = await aShieldedVm(settings, 'tiny', { image });
    for (const boots of [1, 2]) {
      const { pid, phases } = expectOk(await host.start('tiny'));
      expect(phases.map(({ phase }) => phase)).toEqual(['check', 'lock', 'release', 'seal', 'vtpm', 'qemu']);
      expect((await stat(`/proc/${pid}/mem`)).uid).toBe(0);
      const { sockets, generation } = expectOk(await host.show('tiny'));
      expect(generation).toBe(`${boots + 1}`);
      const text = await serialText(sockets!['serial']!, `NVRAM: 000000000000000${boots}`);
      expect(text).toContain(MESSAGE);
      expect(text).toContain(`boots, by the disk: 000000000000000${boots}`);
      await host.running('tiny')?.ended;
    }
    expect(await host.list()).toMatchObject([{ name: 'tiny', state: 'stopped' }]);
    // as the application on the disk holds it
    const inClear = Buffer.from(MESSAGE, 'utf16le');
    expect(Buffer.from(image).includes(inClear)).toBe(true);
    expect((await readFile(`${folder}/disk.img`)).includes(inClear)).toBe(false);
  });

  it('has other keys after a rekey, and boots from the same disk with the same NVRAM', async () => {
    const folder = `${settings.folders[0]}/tiny`;
    const before = await keysOf(folder);
    expect(expectOk(await host.rekey('tiny'))).toEqual({ generation: '4', disks: ['disk'] });
    const after = await keysOf(folder);
    expect(after.vtpm).not.toBe(before.vtpm);
    expect(await opens(folder, before.disk)).toBe(false);
    expect(await opens(folder, after.disk)).toBe(true);
    expect(await readdir(`${folder}/generations`)).toEqual(['0000000004']);
    expectOk(await host.start('tiny'));
    const { sockets } = expectOk(await host.show('tiny'));
    const text = await serialText(sockets!['serial']!, 'NVRAM: 0000000000000003');
    expect(text).toContain('boots, by the disk: 0000000000000003');
    await host.running('tiny')?.ended;
  });

  it('is as it was where its start breaks off after its next generation was written', async () => {
    const { folder } = await aShieldedVm(settings, 'breaks', {
      image: tinyGuestImage({ message: MESSAGE, mode: 'shutdown' }),
    });
    const before = await readdir(`${folder}/generations`);
    const { plain } = settings.firmware;
    const broken = { ...settings, firmware: { ...settings.firmware, plain: { ...plain, code: '/nowhere' } } };
    const other = await vmHost(broken);
    await expect(other.start('breaks')).rejects.toThrow('/nowhere');
    await other.close();
    expect(await readdir(`${folder}/generations`)).toEqual(before);
    expect(await readdir(settings.runFolder)).toEqual([]);
    expect(await latestClaim(folder)).toMatchObject({ released: true });
  });

  it('runs on where no service answers, keeps its NVRAM, and others start again by themselves later', async () => {
    const [inner, calls] = [releaseLocally(crypto, [fabric]), { down: false, asked: 0 }];
    const second = await aPlace();
    onTestFinished(() => second.remove());
    const elsewhere = await vmSettings(second.folder);
    const other = await vmHost(elsewhere, {
      release: async (protector) => {
        calls.asked++;
        if (calls.down) throw new Error('no key protection service answers');
        return inner(protector);
      },
    });
    const image = tinyGuestImage({ message: MESSAGE, countInNvram: true, mode: 'stay' });
    const { folder } = await aShieldedVm(elsewhere, 'runs', { image });
    await aShieldedVm(elsewhere, 'waits', { image });
    expectOk(await other.start('runs'));
    calls.down = true;
    await expect(other.start('waits')).rejects.toThrow('no key protection service answers');
    const { sockets } = expectOk(await other.show('runs'));
    await serialText(sockets!['serial']!, 'stays until');
    expect(await other.list()).toMatchObject([
      { name: 'runs', state: 'running' },
      { name: 'waits', state: 'stopped' },
    ]);
    const before = (await keysOf(folder)).nvram;
    expect((await other.stop('runs', { graceSeconds: 20 })).ok).toBe(true);
    expect((await keysOf(folder)).nvram.equals(before)).toBe(false); // sealed at the stop, without asking anybody
    expect(calls.asked).toBe(2);
    calls.down = false;
    expectOk(await other.start('waits'));
    await other.stop('waits', { graceSeconds: 0 });
    await other.close();
  });

  /** As the fabric's guardian finds them. */
  async function keysOf(
    folder: string,
  ): Promise<{ readonly vtpm: string; readonly disk: Secret; readonly nvram: Buffer }> {
    const vm = expectOk(await knownVm(crypto, folder));
    const { state } = expectOk(await unlock(crypto, vm, releaseLocally(crypto, [fabric])));
    const [disk, nvram] = [state.diskKeys.get('disk')!, Buffer.from(state.nvram)];
    return { vtpm: state.vtpmStateKey.use(toHex), disk, nvram };
  }
  const opens = async (folder: string, key: Secret) => expectOk(await opensWith(`${folder}/disk.img`, key));
});
