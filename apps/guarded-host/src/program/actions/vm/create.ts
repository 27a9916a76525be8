import { readFile } from 'node:fs/promises';
import { ok } from '@sekimori/result';
import { parse } from 'yaml';
import type { HostSettings } from '../../../config.ts';
import { createVm, type NewVm } from '../../../vm/create.ts';
import type { CommandResult, Invocation } from '../../command.ts';
import { PROGRAM } from '../../name.ts';
import type { CreateOptions } from '../../vm.ts';
import { assignments } from './assignments.ts';

export async function createAction(
  { vms }: HostSettings,
  { args: [name = ''], options }: Invocation<CreateOptions>,
): Promise<CommandResult> {
  const parts = options.definition === undefined ? partsOf(options) : await partsIn(options.definition);
  if (!parts.ok) return parts;
  // What is not as the schema says is refused when it is read back.
  const created = await createVm(vms.folders[0] ?? '', name, parts.value);
  if (!created.ok) return created;
  const { folder, id } = created.value;
  return ok({
    document: { name, folder, id },
    lines: [`${name}: ${folder}`, `id ${id}`],
    next: `its owner encrypts it: '${PROGRAM} vm shield ${name} --owner NAME --disk NAME=FILE'`,
  });
}

function partsOf(options: CreateOptions) {
  const disks = assignments('--disk', options.disk);
  if (!disks.ok) return disks;
  const parts = {
    security: options.security,
    machine: {
      ...(options.accelerator !== undefined && { accelerator: options.accelerator }),
      cpus: options.cpus,
      memoryMiB: options.memory,
    },
    firmware: { secureBoot: options.secureBoot },
    disks: [...disks.value].map(([disk, mode]) => ({ name: disk, file: `${disk}.img`, mode })),
  };
  return ok(parts as NewVm);
}

async function partsIn(file: string) {
  const detail = (error: unknown) => `${file}: ${(error as Error).message.split('\n')[0]}`;
  try {
    const {
      version: _,
      id: __,
      name: ___,
      ...parts
    } = parse(await readFile(file, 'utf8'), { maxAliasCount: 0 }) as Record<string, unknown>;
    return ok(parts as unknown as NewVm);
  } catch (error) {
    return {
      ok: false,
      fault: { code: 'usage', detail: detail(error), hint: 'give a definition, YAML or JSON' },
    } as const;
  }
}
