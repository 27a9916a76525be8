import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Folders of one benchmark; gone at its end. */
export interface Place extends AsyncDisposable {
  /** On the disk that is measured: TMPDIR chooses it. */
  readonly folder: string;
  /** In memory, as /run is; short, since sockets lie in it, and passable for the users that QEMU and swtpm become. */
  readonly runFolder: string;
}

export async function aPlace(): Promise<Place> {
  const [folder, runFolder] = [await mkdtemp(join(tmpdir(), 'bench-vm-')), await mkdtemp('/dev/shm/bench-')];
  await chmod(runFolder, 0o711);
  await mkdir(join(folder, 'vms'), { mode: 0o700 });
  return {
    folder,
    runFolder,
    [Symbol.asyncDispose]: async () => {
      for (const each of [folder, runFolder]) await rm(each, { recursive: true, force: true });
    },
  };
}
