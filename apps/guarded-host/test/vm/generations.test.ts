import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromUtf8, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  addGeneration,
  generationsOf,
  keepGenerations,
  readPair,
  replaceGuestState,
} from '../../src/vm/folder/generations.ts';
import { generationPaths } from '../../src/vm/folder/layout.ts';
import { aVmFolder, aVtpmFolder } from './support/vm-folder.ts';

const pair = (generation: bigint) => ({
  generation,
  protector: utf8(`protector ${generation}`),
  guestState: utf8(`state ${generation}`),
});

describe('generations of a VM', () => {
  it('are added whole, the newest first; others go when somebody says which stay', async () => {
    const folder = await aVmFolder();
    expect(await generationsOf(folder)).toEqual([]);
    let vtpmFrom = await aVtpmFolder(folder, 'one');
    for (const generation of [1n, 2n, 7n]) {
      await addGeneration(folder, { ...pair(generation), vtpmFrom });
      vtpmFrom = generationPaths(folder, generation).vtpm;
    }
    expect(await generationsOf(folder)).toEqual([7n, 2n, 1n]);
    await keepGenerations(folder, [7n, 2n]);
    expect(await generationsOf(folder)).toEqual([7n, 2n]);
    const newest = expectOk(await readPair(folder, 7n));
    expect(fromUtf8(newest.protector)).toBe('protector 7');
    expect(await readFile(join(generationPaths(folder, 7n).vtpm, 'tpm2-00.permall'), 'utf8')).toBe('one');
  });

  it("belong to the agent's user alone, and so does each file", async () => {
    const folder = await aVmFolder();
    await addGeneration(folder, { ...pair(1n), vtpmFrom: await aVtpmFolder(folder, 'one') });
    const { folder: own, vtpm } = generationPaths(folder, 1n);
    for (const path of [
      own,
      vtpm,
      join(own, 'protector.xml'),
      join(own, 'guest-state.bin'),
      join(vtpm, 'tpm2-00.permall'),
    ])
      expect((await stat(path)).mode & 0o077, path).toBe(0);
  });

  it('that were not finished are nothing, and go with the next one', async () => {
    const folder = await aVmFolder();
    const vtpmFrom = await aVtpmFolder(folder, 'one');
    await addGeneration(folder, { ...pair(1n), vtpmFrom });
    await mkdir(join(folder, 'generations', '.unfinished-crash'));
    expect(await generationsOf(folder)).toEqual([1n]);
    await addGeneration(folder, { ...pair(2n), vtpmFrom });
    expect(await readdir(join(folder, 'generations'))).toEqual(['0000000001', '0000000002']);
  });

  it('are made in no folder that a link leads to', async () => {
    const folder = await aVmFolder();
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(join(elsewhere, '.unfinished-of-somebody'), { recursive: true });
    await symlink(elsewhere, join(folder, 'generations'));
    const vtpmFrom = await aVtpmFolder(folder, 'one');
    await expect(addGeneration(folder, { ...pair(1n), vtpmFrom })).rejects.toThrow(/ELOOP|ENOTDIR/);
    expect(await readdir(elsewhere)).toEqual(['.unfinished-of-somebody']);
  });

  it('are refused where a vTPM left a link in place of its state', async () => {
    const folder = await aVmFolder();
    const vtpmFrom = await aVtpmFolder(folder, 'one');
    await rm(join(vtpmFrom, 'tpm2-00.permall'));
    await symlink('/etc/hostname', join(vtpmFrom, 'tpm2-00.permall'));
    await expect(addGeneration(folder, { ...pair(1n), vtpmFrom })).rejects.toThrow('ELOOP');
    expect(await generationsOf(folder)).toEqual([]);
  });

  it('have their guest state replaced whole', async () => {
    const folder = await aVmFolder();
    await addGeneration(folder, { ...pair(1n), vtpmFrom: await aVtpmFolder(folder, 'one') });
    await replaceGuestState(folder, 1n, utf8('state anew'));
    expect(fromUtf8(expectOk(await readPair(folder, 1n)).guestState)).toBe('state anew');
  });

  it('cannot be read when a file is missing or open to others', async () => {
    const folder = await aVmFolder();
    await addGeneration(folder, { ...pair(1n), vtpmFrom: await aVtpmFolder(folder, 'one') });
    const { guestState } = generationPaths(folder, 1n);
    await rm(guestState);
    expect(await readPair(folder, 1n)).toMatchObject({
      fault: { code: 'vm-state-unreadable', detail: `there is no file ${guestState}` },
    });
    await writeFile(guestState, 'state', { mode: 0o644 });
    expect(await readPair(folder, 1n)).toMatchObject({ fault: { code: 'vm-state-unreadable' } });
  });
});
