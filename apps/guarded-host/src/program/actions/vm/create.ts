import { utf8 } from '@sekimori/bytes';
import { type Fault, ok, type Result } from '@sekimori/result';
import { stringify } from 'yaml';
import type { HostSettings } from '../../../config.ts';
import { createVmFrom } from '../../../vm/create.ts';
import type { CommandFault, CommandResult, Invocation } from '../../command.ts';
import { PROGRAM } from '../../name.ts';
import type { CreateOptions } from '../../vm.ts';
import { assignments } from './assignments.ts';
import { fileGiven } from './files.ts';

export async function createAction(
  { vms }: HostSettings,
  { args: [name = ''], options }: Invocation<CreateOptions>,
): Promise<CommandResult> {
  const { definition: file, config } = options;
  const text = file === undefined ? textOf(options) : await fileGiven('--definition', file);
  if (!text.ok) return text;
  const created = await createVmFrom(vms.folders[0] ?? '', name, text.value);
  if (!created.ok) return { ok: false, fault: asAsked(created.fault, file) };
  const { folder, id, definition } = created.value;
  const sources = definition.disks.map((disk) => `${disk.name}=FILE`).join(' ');
  const same = config === undefined ? '' : ` --config ${config}`;
  return ok({
    document: { name, folder, id },
    lines: [`${name}: ${folder}`, `id ${id}`],
    next: `its owner encrypts it: '${PROGRAM} vm shield ${name} --owner NAME --disk ${sources}${same}'`,
  });
}

/** Lines are those of the file that was given; where none was, there are options. */
function asAsked(fault: Fault, file: string | undefined): CommandFault {
  if (!fault.code.startsWith('vm-definition-')) return fault;
  if (file !== undefined) return { ...fault, detail: `${file}: ${fault.detail}` };
  const detail = fault.detail.replaceAll(/(^|; )line \d+: /g, '$1');
  return {
    code: fault.code,
    detail,
    hint: '--disk NAME=MODE for each disk, with a mode of guest, outer or boot; or --definition FILE',
  };
}

function textOf(options: CreateOptions): Result<Uint8Array, CommandFault> {
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
  return ok(utf8(stringify(parts)));
}
