import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { knownGuardians, ownGuardian } from '@sekimori/guardian-files';
import type { GuardianKeys } from '@sekimori/key-protector';
import { ok, type Result } from '@sekimori/result';
import { defaultDataFolder } from '@sekimori/guardian-files/data-folder';
import type { AgentContext } from '../agent/routes.ts';
import type { HostSettings } from '../config.ts';
import { releaseKeys } from '../release.ts';
import { claimantOfThisMachine } from './claimant.ts';
import { releaseLocally, type ReleaseKeys } from './keys.ts';
import { VirtualMachines } from './virtual-machines.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The VMs of an agent, with those taken up that run already. They are let go of, and run on, when the agent stops. */
export async function openVirtualMachines(context: AgentContext, env: Environment): Promise<VirtualMachines> {
  const { host, clock, logger } = context;
  const machines = await VirtualMachines.open({
    settings: host.settings.vms,
    claimant: await claimantOfThisMachine(),
    release: host.settings.mode === 'local' ? withOwnGuardians(host.settings, env) : throughServices(context),
    now: () => clock.now(),
    log: (event, detail) => logger.info(detail, event),
  });
  context.onStop('virtual machines', () => machines.close());
  return machines;
}

function throughServices({ ports }: AgentContext): ReleaseKeys {
  return async (protector) => {
    const deps = await ports();
    return deps.ok ? releaseKeys(deps.value, protector) : deps;
  };
}

/** Looked up each time: an owner may be made while the agent runs. */
function withOwnGuardians(settings: HostSettings, env: Environment): ReleaseKeys {
  return async (protector) => {
    const own = await guardiansWithKeys(guardiansFolder(settings, env));
    return own.ok ? releaseLocally(crypto, own.value)(protector) : own;
  };
}

async function guardiansWithKeys(folder: string): Promise<Result<readonly GuardianKeys[]>> {
  const known = await knownGuardians(folder);
  if (!known.ok) return known;
  const keys: GuardianKeys[] = [];
  for (const { name } of known.value.filter(({ own }) => own)) {
    const own = await ownGuardian(folder, name);
    if (!own.ok) return own;
    keys.push(own.value);
  }
  return ok(keys);
}

/** Where 'sekimori guardian' keeps the guardians of this user, where the configuration names no other place. */
export function guardiansFolder({ vms }: HostSettings, env: Environment): string {
  return vms.guardians ?? join(defaultDataFolder(env), 'guardians');
}
