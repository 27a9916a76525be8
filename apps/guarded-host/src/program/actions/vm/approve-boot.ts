import { readFile } from 'node:fs/promises';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { fail, ok, type Result } from '@sekimori/result';
import { writePrivateFile } from '@sekimori/service-kit/program';
import type { HostSettings } from '../../../config.ts';
import { lockFile } from '../../../flock.ts';
import { addBootPolicy, type BootPolicy, verifyBootPolicy, writeBootPolicy } from '../../../guest-disk/index.ts';
import type { VmDefinition } from '../../../vm/definition/schema.ts';
import { placeOf } from '../../../vm/disks.ts';
import { findVm } from '../../../vm/find.ts';
import { vmPaths } from '../../../vm/folder/layout.ts';
import { learnBootPolicy } from '../../../vm/trial.ts';
import { knownVm } from '../../../vm/unlock.ts';
import type { CommandFault, CommandResult, Invocation } from '../../command.ts';
import type { AddBootPolicyOptions, ApproveBootOptions } from '../../vm.ts';
import { ownerNamed } from './owner.ts';
import { bootPoliciesIn } from './shield.ts';

export async function approveBootAction(
  settings: HostSettings,
  { args: [name = ''], options, env }: Invocation<ApproveBootOptions>,
): Promise<CommandResult> {
  const folder = await findVm(settings.vms.folders, name);
  if (!folder.ok) return folder;
  const vm = await knownVm(crypto, folder.value);
  if (!vm.ok) return vm;
  const owner = await ownerNamed(settings, env, options.owner);
  if (!owner.ok) return owner;
  const { definition } = vm.value;
  const own = definition.disks.find(({ mode }) => mode === 'boot');
  if (!own) return fail('trial-failed', `${name} has no disk in mode boot`);
  const variables = settings.vms.firmware[definition.firmware.secureBoot ? 'secureBoot' : 'plain'].variables;
  const learnt = await learnBootPolicy(owner.value, options.label ?? `approved ${new Date().toISOString()}`, {
    settings: settings.vms,
    definition,
    vmId: vm.value.vmId,
    bootDisk: options.bootDisk ?? placeOf(folder.value, own),
    nvram: Uint8Array.from(await readFile(variables)),
    uid: process.getuid?.() === 0 ? settings.vms.uidBase - 1 : undefined,
  });
  if (!learnt.ok) return learnt;
  if (options.out === undefined) return addTo(folder.value, definition, learnt.value);
  const written = await writePrivateFile(options.out, writeBootPolicy(learnt.value));
  if (!written.ok) return written;
  return ok({ document: { name, file: options.out }, lines: [`${options.out}: ${learnt.value.label}`] });
}

export async function addBootPolicyAction(
  settings: HostSettings,
  { args: [name = ''], options: { file } }: Invocation<AddBootPolicyOptions>,
): Promise<CommandResult> {
  const folder = await findVm(settings.vms.folders, name);
  if (!folder.ok) return folder;
  const vm = await knownVm(crypto, folder.value);
  if (!vm.ok) return vm;
  const read = await bootPoliciesIn([file]);
  if (!read.ok) return read;
  const [bootPolicy] = read.value;
  const owner = vm.value.pairs[0]?.verified.owner.guardian;
  if (!bootPolicy || !owner) throw new Error('a known VM has an owner, and a file one policy');
  const verified = verifyBootPolicy(crypto, owner, vm.value.vmId, bootPolicy);
  return verified.ok ? addTo(folder.value, vm.value.definition, verified.value) : verified;
}

/** While it does not run: a guest that runs has the disk's header in use. */
async function addTo(
  folder: string,
  definition: VmDefinition,
  bootPolicy: BootPolicy,
): Promise<Result<Outcome, CommandFault>> {
  const lock = await lockFile(vmPaths(folder).lock);
  if (!lock) return fail('vm-locked', 'it runs: stop it first');
  try {
    const disks = definition.disks.filter(({ mode }) => mode === 'guest');
    for (const disk of disks) {
      const added = await addBootPolicy(placeOf(folder, disk), bootPolicy);
      if (!added.ok) return added;
    }
    const names = disks.map(({ name }) => name);
    return ok({
      document: { label: bootPolicy.label, disks: names },
      lines: [`${bootPolicy.label}: opens ${names.join(', ')}`],
    });
  } finally {
    await lock.close();
  }
}

type Outcome = CommandResult extends Result<infer T, CommandFault> ? T : never;
