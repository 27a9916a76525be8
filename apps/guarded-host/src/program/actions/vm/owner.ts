import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { ownGuardian } from '@sekimori/guardian-files';
import { verifySecurityPolicy } from '@sekimori/guest-state';
import type { GuardianKeys } from '@sekimori/key-protector';
import { fail, ok, type Result } from '@sekimori/result';
import type { HostSettings } from '../../../config.ts';
import { findVm } from '../../../vm/find.ts';
import { guardiansFolder } from '../../../vm/open.ts';
import { type KnownVm, knownVm } from '../../../vm/unlock.ts';
import type { CommandFault, Environment } from '../../command.ts';

/** With the use of its private keys. Faults as `ownGuardian`. */
export function ownerNamed(
  settings: HostSettings,
  env: Environment,
  name: string,
): Promise<Result<GuardianKeys, CommandFault>> {
  return ownGuardian(guardiansFolder(settings, env), name);
}

/**
 * A VM that its owner is to sign for, or answer to. The storage is not trusted: its security policy must be this owner's, and by `knownVm`
 * then its protector is too. `vm-owner-mismatch`; faults of `findVm`, `knownVm` and `ownGuardian`.
 */
export async function vmOfOwner(
  settings: HostSettings,
  env: Environment,
  names: { readonly name: string; readonly owner: string },
): Promise<Result<{ readonly vm: KnownVm; readonly owner: GuardianKeys }, CommandFault>> {
  const folder = await findVm(settings.vms.folders, names.name);
  if (!folder.ok) return folder;
  const owner = await ownerNamed(settings, env, names.owner);
  if (!owner.ok) return owner;
  const vm = await knownVm(crypto, folder.value);
  if (!vm.ok) return vm;
  const policy = verifySecurityPolicy(crypto, owner.value.guardian, vm.value.policyText);
  if (!policy.ok)
    return fail('vm-owner-mismatch', `${folder.value} is not a VM of ${names.owner}`, { cause: policy.fault });
  return ok({ vm: vm.value, owner: owner.value });
}
