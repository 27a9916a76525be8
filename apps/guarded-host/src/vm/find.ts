import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { VM_NAME } from './definition/schema.ts';
import { vmPaths } from './folder/layout.ts';

const NAME = new RegExp(VM_NAME);

/** `vm-name`: no VM can have it. */
export function checkName(name: string): Result<void, Fault<'vm-name'>> {
  if (NAME.test(name)) return ok(undefined);
  return fail('vm-name', 'a VM’s name has letters, digits, dots, hyphens and underscores; at most 63');
}

/** The folder of the VM called `name`: the folder's name, below one of `folders`. `vm-name`, `vm-not-found`. */
export async function findVm(folders: readonly string[], name: string): Promise<Result<string>> {
  const allowed = checkName(name);
  if (!allowed.ok) return allowed;
  for (const parent of folders) if (await holdsVm(join(parent, name))) return ok(join(parent, name));
  return fail('vm-not-found', `there is no VM ${name} in ${folders.join(', ')}`);
}

/** Names and folders, sorted. What cannot be read is left out: storage comes and goes. */
export async function allVms(
  folders: readonly string[],
): Promise<readonly { readonly name: string; readonly folder: string }[]> {
  const found = new Map<string, string>();
  for (const parent of folders)
    for (const name of (await readdir(parent).catch(() => [])).filter((entry) => NAME.test(entry)))
      if (!found.has(name) && (await holdsVm(join(parent, name)))) found.set(name, join(parent, name));
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, folder]) => ({ name, folder }));
}

async function holdsVm(folder: string): Promise<boolean> {
  return Promise.all([lstat(folder), lstat(vmPaths(folder).definition)]).then(
    ([own, definition]) => own.isDirectory() && definition.isFile(),
    () => false,
  );
}
