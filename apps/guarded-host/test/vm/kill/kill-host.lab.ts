import { spawnSync } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '@sekimori/bytes';
import { labIsMissing, tinyGuestImage } from '@sekimori/lab';
import { expectOk } from '@sekimori/result';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { beat, claim, latestClaim, releaseClaim, stillOurs } from '../../../src/vm/folder/claim.ts';
import { replaceGuestState } from '../../../src/vm/folder/generations.ts';
import { generationPaths, numbered, vmPaths } from '../../../src/vm/folder/layout.ts';
import type { VmSettings } from '../../../src/vm/settings.ts';
import type { VirtualMachines } from '../../../src/vm/virtual-machines.ts';
import { isThere, killAllOf, processesOf } from '../support/processes.ts';
import { aPlace, aShieldedVm, claimantNamed, serialText, vmHost, vmSettings } from '../support/vm-host.ts';

const NAME = 'tiny';
const LEASE_SECONDS = 3;
const SOON = { timeout: 60_000, interval: 50 };

// Two hosts with one storage: what each has of its own is its run folder and its name on the storage.
describe.skipIf(labIsMissing('outer'))('a VM of two hosts', () => {
  let place: Awaited<ReturnType<typeof aPlace>>;
  let folder: string;
  const logs: string[] = [];
  const hosts = new Map<string, VirtualMachines>();
  const runFolderOf = (host: string) => join(place.folder, `run-${host}`);
  const settingsOf = (host: string): Promise<VmSettings> =>
    vmSettings(place.folder, { runFolder: runFolderOf(host), leaseSeconds: LEASE_SECONDS });
  /** A host whose agent has just started. */
  async function opened(name: string): Promise<VirtualMachines> {
    const machines = await vmHost(await settingsOf(name), { host: name, log: logs });
    hosts.set(name, machines);
    return machines;
  }
  /** Nothing of it is left but what is on the storage: nobody there gives a claim back. */
  async function destroy(name: string): Promise<void> {
    await hosts.get(name)?.close();
    for (const { pid, kind } of processesOf(runFolderOf(name))) if (kind === 'qemu') process.kill(pid, 'SIGKILL');
    await expect.poll(() => processesOf(runFolderOf(name)), SOON).toEqual([]);
    await rm(runFolderOf(name), { recursive: true });
  }
  const qemus = () => processesOf(place.folder).filter(({ kind }) => kind === 'qemu');
  const generation = async () => (await latestClaim(folder))?.generation ?? 0n;

  beforeAll(async () => {
    place = await aPlace();
    const image = tinyGuestImage({ message: 'hello', countOnDisk: true, countInNvram: true, mode: 'stay' });
    ({ folder } = await aShieldedVm(await settingsOf('a'), NAME, { image }));
  });
  afterAll(async () => {
    for (const machines of hosts.values()) {
      if (machines.running(NAME)) await machines.stop(NAME, { graceSeconds: 0 });
      await machines.close();
    }
    killAllOf(place.folder);
    await place.remove();
  });

  async function boots(machines: VirtualMachines): Promise<string> {
    const { sockets } = expectOk(await machines.show(NAME));
    const text = await serialText(sockets!['serial']!, 'stays until');
    return [...text.matchAll(/boots, by the \w+: 0*(\d+)/g)].map(([, count]) => count).join(' ');
  }

  it('is refused to host B while host A runs it', async () => {
    const a = await opened('a');
    expectOk(await a.start(NAME));
    expect(await boots(a)).toBe('1 1');
    const b = await opened('b');
    expect(await b.start(NAME)).toMatchObject({ ok: false, fault: { code: 'vm-locked' } });
    expect(await b.list()).toMatchObject([{ name: NAME, state: 'elsewhere', host: 'a' }]);
    expect(qemus()).toHaveLength(1);
  });

  it('starts on host B from the shared folder once host A is gone for good, with its disk and its NVRAM', async () => {
    await destroy('a');
    const b = hosts.get('b')!;
    expect(expectOk(await b.start(NAME)).usedLastKnownGood).toBe(false);
    expect(await boots(b)).toBe('2 2');
  });

  it('is refused to host A when that is back: by the lock, and where the storage forgot the lock by the beats', async () => {
    const a = await opened('a');
    expect(await a.list()).toMatchObject([{ state: 'elsewhere', host: 'b' }]);
    expect(await a.start(NAME)).toMatchObject({ ok: false, fault: { code: 'vm-locked' } });
    await rm(vmPaths(folder).lock);
    expect(await a.start(NAME)).toMatchObject({ ok: false, fault: { code: 'vm-held-elsewhere' } });
    expect(await latestClaim(folder)).toMatchObject({ host: 'b', released: false });
    expect(qemus()).toHaveLength(1);
  });

  it('is not touched by what host A still writes of its own generation', async () => {
    const [mine, others] = [await generation(), (await generation()) - 1n];
    const before = await contentsOf(generationPaths(folder, mine).folder);
    expect(await stillOurs(folder, others)).toMatchObject({ ok: false, fault: { code: 'vm-fenced' } });
    await beat(folder, others);
    await replaceGuestState(folder, others, utf8('what A has of the guest'));
    await releaseClaim(folder, others);
    expect(await contentsOf(generationPaths(folder, mine).folder)).toEqual(before);
    expect(await latestClaim(folder)).toMatchObject({ generation: mine, host: 'b', released: false });
    expect(hosts.get('b')!.running(NAME)).toBeDefined();
  });

  it('is ended on host B at once where another host has claimed it, and B writes nothing more', async () => {
    const b = hosts.get('b')!;
    const { ended, parts } = b.running(NAME)!;
    const { pid } = parts.machine.process;
    const next = { atLeast: 0n, fenced: true, leaseMillis: 0, at: new Date() }; // somebody answered for B, wrongly
    const taken = expectOk(await claim(folder, claimantNamed('c'), next));
    const before = await contentsOf(generationPaths(folder, parts.generation).folder);
    expect(await ended).toMatchObject({ fenced: true, exit: { signal: 'SIGKILL' } });
    expect(isThere(pid)).toBe(false);
    expect(await latestClaim(folder)).toMatchObject({ generation: taken, host: 'c', released: false });
    const after = await contentsOf(generationPaths(folder, parts.generation).folder);
    expect({ ...after, 'tpm2-00.permall': '' }).toEqual({ ...before, 'tpm2-00.permall': '' });
    expect(await b.list()).toMatchObject([{ state: 'elsewhere', host: 'c' }]);
  });

  describe('whose storage fails', () => {
    const b = () => hosts.get('b')!;

    it('runs on where that comes back soon', async () => {
      await releaseClaim(folder, await generation());
      await expect.poll(() => processesOf(place.folder), SOON).toEqual([]);
      expectOk(await b().start(NAME));
      const told = logs.length;
      const { claims } = vmPaths(folder);
      await rename(claims, `${claims}.away`);
      await expect.poll(() => logs.slice(told).join('\n'), SOON).toContain('the storage does not answer');
      await rename(`${claims}.away`, claims);
      const own = join(claims, `${numbered(await generation())}.beat`);
      const [before, { pid }] = [readFileSync(own, 'utf8'), b().running(NAME)!.parts.machine.process];
      await expect.poll(() => readFileSync(own, 'utf8'), SOON).not.toBe(before);
      expect(isThere(pid)).toBe(true);
    });

    it('is ended where that lasts for most of a lease', async () => {
      const { claims } = vmPaths(folder);
      const { ended } = b().running(NAME)!;
      await rename(claims, `${claims}.away`);
      await writeFile(claims, '');
      expect(await ended).toMatchObject({ fenced: true, exit: { signal: 'SIGKILL' } });
      expect(logs.join('\n')).toContain('the storage did not answer for most of a lease');
      await rm(claims);
      await rename(`${claims}.away`, claims);
      await expect.poll(() => processesOf(place.folder), SOON).toEqual([]);
    });

    it('is held up by no pipe in place of its claim or its beat', async () => {
      expectOk(await b().start(NAME));
      const { pid } = b().running(NAME)!.parts.machine.process;
      const own = join(vmPaths(folder).claims, numbered(await generation()));
      for (const file of [own, `${own}.beat`]) {
        await rm(file);
        spawnSync('mkfifo', [file]); // whoever opened it would wait
      }
      await expect.poll(() => lstatSync(`${own}.beat`).isFile(), SOON).toBe(true); // beaten anew, in place of the pipe
      expect(isThere(pid)).toBe(true);
    });

    it('is ended by an agent that comes up while that lasts', async () => {
      const { claims } = vmPaths(folder);
      const { pid } = b().running(NAME)!.parts.machine.process;
      await rename(claims, `${claims}.away`);
      await b().close();
      const { ended, parts } = (await opened('b')).running(NAME)!;
      expect(parts.machine.process.pid).toBe(pid);
      expect(await ended).toMatchObject({ fenced: true });
      expect(isThere(pid)).toBe(false);
      await rename(`${claims}.away`, claims);
      expectOk(await b().start(NAME));
      expect(Number((await boots(b())).split(' ')[0])).toBeGreaterThan(2);
    });
  });
});

async function contentsOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const contents = entries.map(async ({ parentPath, name }) => [name, await readFile(join(parentPath, name), 'hex')]);
  return Object.fromEntries(await Promise.all(contents)) as Record<string, string>;
}
