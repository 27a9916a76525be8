import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUuid } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk, fail, ok, type Result } from '@sekimori/result';
import { writePrivateFile } from '@sekimori/service-kit/program';
import { stringify } from 'yaml';
import { readVmDefinition } from './definition/read.ts';
import { VM_NAME, type VmDefinition } from './definition/schema.ts';
import { vmPaths } from './folder/layout.ts';

/** What a new VM has of its own; the rest is made up. */
export type NewVm = Omit<VmDefinition, 'version' | 'id' | 'name'>;

/**
 * A folder with a definition of a VM that nobody has shielded yet, and an id that stays with it. `vm-name`, `vm-exists`,
 * `vm-definition-invalid`.
 */
export async function createVm(
  parent: string,
  name: string,
  parts: NewVm,
): Promise<Result<{ readonly folder: string; readonly id: string }>> {
  if (!new RegExp(VM_NAME).test(name))
    return fail('vm-name', 'a VM’s name has letters, digits, dots, hyphens and underscores; at most 63');
  const definition: VmDefinition = { version: 1, name, id: randomUuid(crypto), ...parts };
  const text = new TextEncoder().encode(stringify(definition));
  const read = readVmDefinition(text); // what is written here is read here
  if (!read.ok) return read;
  const folder = join(parent, name);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as { readonly code?: string }).code !== 'EEXIST') throw error;
    return fail('vm-exists', `${folder} is there already, and it was not changed`);
  }
  try {
    expectOk(await writePrivateFile(vmPaths(folder).definition, text));
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
  return ok({ folder, id: definition.id });
}
