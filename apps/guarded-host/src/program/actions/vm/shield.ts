import { guardianNamed } from '@sekimori/guardian-files';
import type { Guardian } from '@sekimori/key-protector';
import { ok, type Result } from '@sekimori/result';
import type { HostSettings } from '../../../config.ts';
import type { BootPolicy } from '../../../guest-disk/index.ts';
import { claimantOfThisMachine } from '../../../vm/claimant.ts';
import { findVm } from '../../../vm/find.ts';
import { guardiansFolder } from '../../../vm/open.ts';
import { shieldVm } from '../../../vm/shield.ts';
import { learnBootPolicy } from '../../../vm/trial.ts';
import { definitionIn } from '../../../vm/unlock.ts';
import type { CommandFault, CommandResult, Invocation } from '../../command.ts';
import { PROGRAM } from '../../name.ts';
import type { ShieldOptions } from '../../vm.ts';
import { assignments } from './assignments.ts';
import { bootPolicyGiven, variablesGiven } from './files.ts';
import { interruptible } from './interrupt.ts';
import { ownerNamed } from './owner.ts';

export async function shieldAction(
  settings: HostSettings,
  { args: [name = ''], options, env }: Invocation<ShieldOptions>,
): Promise<CommandResult> {
  const folder = await findVm(settings.vms.folders, name);
  if (!folder.ok) return folder;
  const read = await definitionIn(folder.value);
  if (!read.ok) return read;
  const owner = await ownerNamed(settings, env, options.owner);
  if (!owner.ok) return owner;
  const guardians = await guardiansNamed(settings, env, options.guardian ?? []);
  if (!guardians.ok) return guardians;
  const sources = assignments('--disk', options.disk);
  if (!sources.ok) return sources;
  const bootPolicies: BootPolicy[] = [];
  for (const file of options.bootPolicy ?? []) {
    const given = await bootPolicyGiven('--boot-policy', file);
    if (!given.ok) return given;
    bootPolicies.push(given.value);
  }
  const nvram = await variablesGiven(settings, read.value.definition, options.nvram);
  if (!nvram.ok) return nvram;
  const at = new Date();
  const shielded = await shieldVm({
    folder: folder.value,
    owner: owner.value,
    guardians: guardians.value,
    sources: sources.value,
    nvram: nvram.value,
    bootPolicies,
    ...(options.trial && {
      learnBoot: (definition, bootDisk) =>
        interruptible((signal) =>
          learnBootPolicy(owner.value, `shielded ${at.toISOString()}`, {
            settings: settings.vms,
            definition,
            vmId: read.value.vmId,
            bootDisk,
            nvram: nvram.value,
            signal,
          }),
        ),
    }),
    claimant: await claimantOfThisMachine(),
    at,
    progress: (step) => void process.stderr.write(`${PROGRAM}: ${step}\n`),
  });
  if (!shielded.ok) return shielded;
  const { fingerprint } = owner.value.guardian;
  return ok({
    document: {
      name,
      folder: folder.value,
      id: shielded.value.vmId,
      owner: fingerprint,
      guardians: guardians.value.map((each) => each.fingerprint),
    },
    lines: [`${name} is shielded`, `owner ${options.owner}, ${fingerprint}`],
    next: `'${PROGRAM} vm start ${name}' in local mode, or take the folder ${folder.value} to the fabric's storage; the images it was made from are still in clear`,
  });
}

async function guardiansNamed(
  settings: HostSettings,
  env: Invocation['env'],
  names: readonly string[],
): Promise<Result<readonly Guardian[], CommandFault>> {
  const found: Guardian[] = [];
  for (const name of names) {
    const known = await guardianNamed(guardiansFolder(settings, env), name);
    if (!known.ok) return known;
    found.push(known.value.guardian);
  }
  return ok(found);
}
