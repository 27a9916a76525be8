import { readFile, stat } from 'node:fs/promises';
import { labIsMissing, tinyGuestImage } from '@sekimori/lab';
import { expectOk } from '@sekimori/result';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VmSettings } from '../../src/vm/settings.ts';
import type { VirtualMachines } from '../../src/vm/virtual-machines.ts';
import { aPlace, aShieldedVm, serialText, vmHost, vmSettings } from './vm-host.ts';

const MESSAGE = 'hello from the encrypted disk';

describe.skipIf(labIsMissing())('a VM with an outer disk', () => {
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
    const image = tinyGuestImage({ message: MESSAGE, countOnDisk: true, countInNvram: true, then: 'shutdown' });
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
    expect((await readFile(`${folder}/disk.img`)).includes(MESSAGE)).toBe(false);
  });
});
