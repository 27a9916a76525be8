import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder as a VM's: empty, 0700, gone after the test. */
export async function aVmFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vm-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder with something in the place of swtpm's state. */
export async function aVtpmFolder(folder: string, content: string): Promise<string> {
  const vtpm = join(folder, `vtpm-${content}`);
  await mkdir(vtpm);
  await writeFile(join(vtpm, 'tpm2-00.permall'), content);
  return vtpm;
}
