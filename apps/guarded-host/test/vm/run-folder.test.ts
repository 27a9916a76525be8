import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseVmId } from '@sekimori/guest-state';
import { expect, it } from 'vitest';
import {
  makeRunFolder,
  runFolderOf,
  runPaths,
  runRecords,
  sweepUnrecorded,
  writeRunRecord,
} from '../../src/vm/run-record.ts';
import { aVmFolder } from './support/vm-folder.ts';

const vmId = parseVmId('0190b5a2-0000-7000-8000-000000000001')!;
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

it('is passed through by others and closed to them, whatever the umask is', async () => {
  const parent = join(await aVmFolder(), 'vms');
  const folder = runFolderOf(parent, vmId);
  const before = process.umask(0o077);
  try {
    await makeRunFolder(folder, undefined);
  } finally {
    process.umask(before);
  }
  const { machine, vtpm } = runPaths(folder);
  expect(await Promise.all([parent, folder, machine, vtpm].map(modeOf))).toEqual(['711', '711', '700', '700']);
});

it('has a record that the next agent reads, and nothing else makes one', async () => {
  const parent = join(await aVmFolder(), 'vms');
  const folder = runFolderOf(parent, vmId);
  await makeRunFolder(folder, undefined);
  expect(await runRecords(parent)).toEqual([]);
  const record = { vmId, name: 'vm', folder: '/vms/vm', generation: '7', uid: 0, startedAt: new Date(0).toISOString() };
  await writeRunRecord(folder, record);
  expect(await runRecords(parent)).toEqual([{ runFolder: folder, record }]);
});

it('goes with the next agent where the one before was killed while it made or removed it', async () => {
  const parent = join(await aVmFolder(), 'vms');
  const [kept, left] = [runFolderOf(parent, vmId), join(parent, '0123456789abcdef')];
  for (const folder of [kept, left]) await makeRunFolder(folder, undefined);
  await writeRunRecord(kept, { vmId, name: 'vm', folder: '/vms/vm', generation: '7', uid: 0, startedAt: '' });
  await mkdir(join(parent, 'not-ours'));
  await sweepUnrecorded(parent);
  expect((await readdir(parent)).toSorted()).toEqual([runFolderOf('', vmId), 'not-ours'].toSorted());
});
