import { access, constants, readFile } from 'node:fs/promises';
import { ok, type Result } from '@sekimori/result';
import type { HostSettings } from '../../../config.ts';
import { type BootPolicy, readBootPolicy } from '../../../guest-disk/index.ts';
import type { VmDefinition } from '../../../vm/definition/schema.ts';
import type { CommandFault } from '../../command.ts';

/** The content of a file that somebody named on the command line. `usage`: it cannot be read. */
export function fileGiven(option: string, file: string): Promise<Result<Buffer, CommandFault>> {
  return asGiven(option, file, () => readFile(file));
}

/** Looks whether such a file can be read, before anything is made for it. `usage`. */
export function readable(option: string, file: string): Promise<Result<void, CommandFault>> {
  return asGiven(option, file, () => access(file, constants.R_OK));
}

/** The firmware variables that a VM starts with: of the file given, else those of its firmware. `usage`. */
export function variablesGiven(
  { vms }: HostSettings,
  { firmware }: VmDefinition,
  file?: string,
): Promise<Result<Buffer, CommandFault>> {
  const kind = firmware.secureBoot ? 'secureBoot' : 'plain';
  return file === undefined
    ? fileGiven(`vms.firmware.${kind}.variables`, vms.firmware[kind].variables)
    : fileGiven('--nvram', file);
}

async function asGiven<T>(option: string, file: string, use: () => Promise<T>): Promise<Result<T, CommandFault>> {
  try {
    return ok(await use());
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    const detail = code === 'ENOENT' ? `there is no file ${file}` : `${file} cannot be read: ${message}`;
    return { ok: false, fault: { code: 'usage', detail, hint: `${option} names a file that this user may read` } };
  }
}

/** A boot policy in such a file. */
export async function bootPolicyGiven(option: string, file: string): Promise<Result<BootPolicy, CommandFault>> {
  const given = await fileGiven(option, file);
  if (!given.ok) return given;
  const policy = readBootPolicy(given.value);
  return policy.ok ? policy : { ok: false, fault: { ...policy.fault, detail: `${file}: ${policy.fault.detail}` } };
}
