import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseVmId, type VmId } from '@sekimori/guest-state';
import { expectOk } from '@sekimori/result';
import { privateFolder, readJson, readPrivateFile, writePrivateFile } from '@sekimori/service-kit/program';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

const Process = Type.Object(
  { pid: Type.Integer({ minimum: 1 }), startTime: Type.String({ pattern: '^[0-9]{1,20}$' }) },
  { additionalProperties: false },
);

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
    qemu: Process,
    /** The descriptor of the NVRAM in QEMU: /proc/PID/fd/N. */
    nvram: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
);
export type RunRecord = Omit<Static<typeof RunRecord>, 'version'>;

/** The folder of one running VM: record and sockets. Its name is the VM's id, shortened for the sake of socket paths. */
export function runFolderOf(runFolder: string, vmId: VmId): string {
  return join(runFolder, vmId.replaceAll('-', '').slice(-16));
}

export async function writeRunRecord(folder: string, record: RunRecord): Promise<void> {
  expectOk(await privateFolder(folder));
  const bytes = new TextEncoder().encode(`${JSON.stringify({ version: 1, ...record })}\n`);
  expectOk(await writePrivateFile(join(folder, 'run.json'), bytes, { replace: true }));
}

/** Those that were running when an agent looked last, with the folder of each. */
export async function runRecords(
  runFolder: string,
): Promise<readonly { readonly runFolder: string; readonly record: RunRecord & { readonly vmId: VmId } }[]> {
  const names = await readdir(runFolder).catch(() => []);
  const found = [];
  for (const name of names) {
    const bytes = await readPrivateFile(join(runFolder, name, 'run.json'));
    const value = bytes.ok ? bytes.value.use(readJson) : bytes;
    if (!value.ok || !Value.Check(RunRecord, value.value)) continue;
    const { version: _, ...record } = value.value;
    const vmId = parseVmId(record.vmId);
    if (vmId) found.push({ runFolder: join(runFolder, name), record: { ...record, vmId } });
  }
  return found;
}

export async function removeRunFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
