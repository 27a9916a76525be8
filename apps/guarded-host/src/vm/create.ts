import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '@sekimori/bytes';
import { randomUuid } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk, fail, ok, type Result } from '@sekimori/result';
import { codeOf, writePrivateFile } from '@sekimori/service-kit/program';
import { stringify } from 'yaml';
import { checkDefinition, policyOf } from './definition/check.ts';
import { readVmDefinition } from './definition/read.ts';
import type { VmDefinition } from './definition/schema.ts';
import { checkName } from './find.ts';
import { vmPaths } from './folder/layout.ts';

/** What a new VM has of its own; the rest is made up. */
export type NewVm = Omit<VmDefinition, 'version' | 'id' | 'name'>;

/** As `createVmFrom`, of parts. */
export function createVm(parent: string, name: string, parts: NewVm): ReturnType<typeof createVmFrom> {
  return createVmFrom(parent, name, utf8(stringify(parts)));
}

/**
 * A folder with a definition of a VM that nobody has shielded yet, and an id that stays with it. `text` is YAML or JSON; name, id and
 * version in it do not count. What shielding would refuse is refused here. `vm-name`, `vm-exists`, `vm-definition-invalid`,
 * `vm-definition-refused`.
 */
export async function createVmFrom(
  parent: string,
  name: string,
  text: Uint8Array,
): Promise<Result<{ readonly folder: string; readonly id: string; readonly definition: VmDefinition }>> {
  const named = checkName(name);
  if (!named.ok) return named;
  const read = readVmDefinition(text, { version: 1, name, id: randomUuid(crypto) });
  if (!read.ok) return read;
  const allowed = checkDefinition(read.value, policyOf(read.value));
  if (!allowed.ok) return allowed;
  const { version, name: own, id, ...parts } = read.value.definition;
  const folder = join(parent, name);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return fail('vm-exists', `${folder} is there already, and it was not changed`);
  }
  try {
    expectOk(await writePrivateFile(vmPaths(folder).definition, utf8(stringify({ version, name: own, id, ...parts }))));
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
  return ok({ folder, id, definition: read.value.definition });
}
