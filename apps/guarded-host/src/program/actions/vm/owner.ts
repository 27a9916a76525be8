import { ownGuardian } from '@sekimori/guardian-files';
import type { GuardianKeys } from '@sekimori/key-protector';
import type { Result } from '@sekimori/result';
import type { HostSettings } from '../../../config.ts';
import { guardiansFolder } from '../../../vm/open.ts';
import type { CommandFault, Environment } from '../../command.ts';

/** With the use of its private keys. Faults as `ownGuardian`. */
export function ownerNamed(
  settings: HostSettings,
  env: Environment,
  name: string,
): Promise<Result<GuardianKeys, CommandFault>> {
  return ownGuardian(guardiansFolder(settings, env), name);
}
