import { readFile } from 'node:fs/promises';
import { ok, type Result } from '@sekimori/result';
import { type BootPolicy, readBootPolicy } from '../../../guest-disk/index.ts';
import type { CommandFault } from '../../command.ts';

/** The content of a file that somebody named on the command line. `usage`: it cannot be read. */
export async function fileGiven(option: string, file: string): Promise<Result<Buffer, CommandFault>> {
  try {
    return ok(await readFile(file));
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
