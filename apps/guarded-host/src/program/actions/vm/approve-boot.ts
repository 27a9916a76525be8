import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import type { VmId } from '@sekimori/guest-state';
import { fail, ok } from '@sekimori/result';
import { writePrivateFile } from '@sekimori/service-kit/program';
import type { HostSettings } from '../../../config.ts';
import { lockFile } from '../../../flock.ts';
import { addBootPolicy, type BootPolicy, verifyBootPolicy, writeBootPolicy } from '../../../guest-disk/index.ts';
import type { VmDefinition } from '../../../vm/definition/schema.ts';
import { withDisk } from '../../../vm/disks.ts';
import { findVm } from '../../../vm/find.ts';
import { vmLocked } from '../../../vm/folder/claim.ts';
import { vmPaths } from '../../../vm/folder/layout.ts';
import { learnBootPolicy } from '../../../vm/trial.ts';
import { knownVm } from '../../../vm/unlock.ts';
import type { CommandResult, Invocation } from '../../command.ts';
import type { AddBootPolicyOptions, ApproveBootOptions } from '../../vm.ts';
import { interruptible } from './interrupt.ts';
import { bootPolicyGiven, readable, variablesGiven } from './files.ts';
import { vmOfOwner } from './owner.ts';

export async function approveBootAction(
  settings: HostSettings,
  { args: [name = ''], options, env }: Invocation<ApproveBootOptions>,
): Promise<CommandResult> {
  const found = await vmOfOwner(settings, env, { name, owner: options.owner });
  if (!found.ok) return found;
  const { owner, vm } = found.value;
  const { folder, vmId, definition, policy } = vm;
  // The definition is the fabric's: what is signed for must be what the owner asked for, also where the policy would allow more.
  if (definition.firmware.secureBoot !== policy.secureBoot)
    return fail(
      'vm-definition-refused',
      `firmware.secureBoot is ${definition.firmware.secureBoot}, and ${policy.secureBoot} in the policy that the owner signed`,
    );
  const bootDisk = await readable('--boot-disk', options.bootDisk);
  if (!bootDisk.ok) return bootDisk;
  const nvram = await variablesGiven(settings, definition);
  if (!nvram.ok) return nvram;
  const learnt = await interruptible((signal) =>
    learnBootPolicy(owner, options.label ?? `approved ${new Date().toISOString()}`, {
      settings: settings.vms,
      definition,
      vmId,
      bootDisk: options.bootDisk,
      nvram: nvram.value,
      signal,
    }),
  );
  if (!learnt.ok) return learnt;
  if (options.out === undefined) return addTo(folder, vmId, definition, learnt.value);
  const written = await writePrivateFile(options.out, writeBootPolicy(learnt.value));
  if (!written.ok) return written;
  return ok({
    document: { name, id: vmId, file: options.out },
    lines: [`${options.out}: ${learnt.value.label}, for the VM ${vmId}`],
  });
}

export async function addBootPolicyAction(
  settings: HostSettings,
  { args: [name = ''], options: { file } }: Invocation<AddBootPolicyOptions>,
): Promise<CommandResult> {
  const bootPolicy = await bootPolicyGiven('--file', file);
  if (!bootPolicy.ok) return bootPolicy;
  const folder = await findVm(settings.vms.folders, name);
  if (!folder.ok) return folder;
  const vm = await knownVm(crypto, folder.value);
  if (!vm.ok) return vm;
  const owner = vm.value.pair.verified.owner.guardian;
  const verified = verifyBootPolicy(crypto, owner, vm.value.vmId, bootPolicy.value);
  return verified.ok ? addTo(folder.value, vm.value.vmId, vm.value.definition, verified.value) : verified;
}

/** While it does not run: a guest that runs has the disk's header in use. */
async function addTo(
  folder: string,
  vmId: VmId,
  definition: VmDefinition,
  bootPolicy: BootPolicy,
): Promise<CommandResult> {
  const lock = await lockFile(vmPaths(folder).lock);
  if (!lock) return vmLocked(folder);
  try {
    const disks = definition.disks.filter(({ mode }) => mode === 'guest');
    for (const disk of disks) {
      const added = await withDisk(folder, disk, (path) => addBootPolicy(path, bootPolicy));
      if (!added.ok) return added;
    }
    const names = disks.map(({ name }) => name);
    return ok({
      document: { id: vmId, label: bootPolicy.label, disks: names },
      lines: [`${bootPolicy.label}: opens ${names.join(', ')} of the VM ${vmId}`],
    });
  } finally {
    await lock.close();
  }
}
