import { chmod, chown, lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toHex, utf8 } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { parseVmId, type VmId } from '@sekimori/guest-state';
import { expectOk } from '@sekimori/result';
import { codeOf, readJson, readPrivateFile, writePrivateFile } from '@sekimori/service-kit/program';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

/** What an agent must know of a VM that an agent before it started. Nothing in it is secret. */
const RunRecord = Type.Object(
  {
    version: Type.Literal(1),
    vmId: Type.String(),
    name: Type.String(),
    folder: Type.String(),
    generation: Type.String({ pattern: '^[0-9]{1,20}$' }),
    uid: Type.Integer({ minimum: 0 }),
    startedAt: Type.String(),
    /** swtpm's process, once it runs. It ends with QEMU. */
    swtpm: Type.Optional(Type.Integer({ minimum: 2 })),
  },
  { additionalProperties: false },
);
export type RunRecord = Omit<Static<typeof RunRecord>, 'version' | 'vmId'> & { readonly vmId: VmId };

const RUN_FOLDER = /^[0-9a-f]{16}$/;

/** The folder of one running VM. Its name follows from the whole id, and is short for the sake of socket paths. */
export function runFolderOf(runFolder: string, vmId: VmId): string {
  return join(runFolder, toHex(crypto.hash('sha256', utf8(vmId))).slice(0, 16));
}

export const runPaths = (folder: string) => ({
  record: join(folder, 'run.json'),
  /** The agent's and QEMU's own: nobody else comes here. */
  machine: join(folder, 'qemu'),
  /** Of the user that swtpm runs as, for its socket. */
  vtpm: join(folder, 'vtpm'),
});

/**
 * Makes it anew. The folder itself is only passed through (0711), by a swtpm that must reach its own part; nobody can list it or write to
 * it.
 */
export async function makeRunFolder(folder: string, uid: number | undefined): Promise<void> {
  const { machine, vtpm } = runPaths(folder);
  const isNew = await mkdir(dirname(folder), { recursive: true, mode: 0o711 });
  if (isNew !== undefined) await chmod(dirname(folder), 0o711); // whatever the umask is
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o711 });
  await chmod(folder, 0o711);
  for (const own of [machine, vtpm]) await mkdir(own, { mode: 0o700 });
  if (uid !== undefined) await chown(vtpm, uid, uid);
}

export async function writeRunRecord(folder: string, record: RunRecord): Promise<void> {
  const bytes = utf8(`${JSON.stringify({ version: 1, ...record })}\n`);
  expectOk(await writePrivateFile(runPaths(folder).record, bytes, { replace: true }));
}

/** Those that were running when an agent looked last, with the folder of each. */
export async function runRecords(
  runFolder: string,
): Promise<readonly { readonly runFolder: string; readonly record: RunRecord }[]> {
  const names = await readdir(runFolder).catch(() => []);
  const found = [];
  for (const name of names) {
    const bytes = await readPrivateFile(runPaths(join(runFolder, name)).record);
    const value = bytes.ok ? bytes.value.use(readJson) : bytes;
    if (!value.ok || !Value.Check(RunRecord, value.value)) continue;
    const { version: _, ...record } = value.value;
    const vmId = parseVmId(record.vmId);
    if (vmId) found.push({ runFolder: join(runFolder, name), record: { ...record, vmId } });
  }
  return found;
}

/** Clears away what an agent left that was killed while it made or removed a run folder: one without a record holds nothing that runs. */
export async function sweepUnrecorded(runFolder: string): Promise<void> {
  for (const name of await readdir(runFolder).catch(() => [])) {
    const folder = join(runFolder, name);
    if (RUN_FOLDER.test(name) && !(await exists(runPaths(folder).record))) await removeRunFolder(folder);
  }
}

/** Only what is surely not there counts as missing. */
async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => codeOf(error) !== 'ENOENT',
  );
}

export async function removeRunFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
