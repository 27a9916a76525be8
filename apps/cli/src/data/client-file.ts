import { dirname, resolve } from 'node:path';
import { fail, ok, type Result } from '@sekimori/result';
import { readJson, readPrivateFile, type StartFault } from '@sekimori/service-kit/program';
import { dataPaths } from './data-folder.ts';

/** client.json: how commands reach the services. Paths are relative to the file, so that a folder can be moved or copied. */
export interface ClientFile {
  readonly attestation: string;
  readonly keyProtection: string;
  readonly ca: string;
  readonly token: string;
}

/** run.json: where the services really are while `serve` runs. */
export interface RunFile {
  readonly pid: number;
  readonly attestation: string;
  readonly keyProtection: string;
}

/** With absolute paths. `not-initialised` when there is none; `client-file-malformed`. */
export async function readClientFile(data: string): Promise<Result<ClientFile, StartFault>> {
  const file = dataPaths(data).client;
  const hint = `make one: 'sekimori init --data ${data}', or name another folder with --data or SEKIMORI_DATA`;
  const read = await readRecord(file);
  if (!read.ok)
    return read.fault.code === 'no-such-file'
      ? { ok: false, fault: { code: 'not-initialised', detail: `${data} is not an initialised data folder`, hint } }
      : { ok: false, fault: { code: 'client-file-malformed', detail: read.fault.detail } };
  const { attestation, keyProtection, ca, token } = read.value;
  if (!isAddress(attestation) || !isAddress(keyProtection) || typeof ca !== 'string' || typeof token !== 'string')
    return {
      ok: false,
      fault: { code: 'client-file-malformed', detail: `${file} is not as 'sekimori init' writes it` },
    };
  const absolute = (path: string) => resolve(dirname(file), path);
  return ok({ attestation, keyProtection, ca: absolute(ca), token: absolute(token) });
}

/** Undefined when nothing runs, as far as the folder knows: one that was killed leaves its file. */
export async function readRunFile(data: string): Promise<RunFile | undefined> {
  const read = await readRecord(dataPaths(data).run);
  if (!read.ok) return undefined;
  const { pid, attestation, keyProtection } = read.value;
  if (typeof pid !== 'number' || !isAddress(attestation) || !isAddress(keyProtection)) return undefined;
  return { pid, attestation, keyProtection };
}

async function readRecord(file: string): Promise<Result<Readonly<Record<string, unknown>>>> {
  const bytes = await readPrivateFile(file);
  if (!bytes.ok) return bytes;
  const value = bytes.value.use(readJson);
  if (!value.ok) return fail('malformed-json', `${file} is ${value.fault.detail}`);
  if (typeof value.value !== 'object' || value.value === null) return fail('malformed-json', `${file} is no object`);
  return ok(value.value as Readonly<Record<string, unknown>>);
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && /^https:\/\/[^/?#@\s]+$/.test(value) && URL.canParse(value);
}
