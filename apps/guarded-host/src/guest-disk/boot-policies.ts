import { equal } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { type BootPolicy, bootPolicyOf, bootPolicyToken } from './boot-policy.ts';
import { diskFault, type GuestDiskFault } from './faults.ts';
import { BOOT_POLICY_TOKENS } from './layout.ts';
import { readTokens, removeToken, writeToken } from './tokens.ts';

export interface StoredBootPolicy {
  /** The token's id, 1 to 8. */
  readonly id: number;
  readonly bootPolicy: BootPolicy;
}

/** The boots that a disk opens under, by what its header says: signatures are for `verifyBootPolicy`, and for the TPM. */
export async function listBootPolicies(file: string): Promise<Result<readonly StoredBootPolicy[], GuestDiskFault>> {
  const tokens = await readTokens(file);
  if (!tokens.ok) return tokens;
  const stored: StoredBootPolicy[] = [];
  for (const [id, token] of tokens.value) {
    if (token.type !== 'sekimori-boot-policy') continue;
    const bootPolicy = bootPolicyOf(crypto, token);
    if (!bootPolicy.ok) return diskFault('guest-disk-malformed', `${file}: token ${id}`, bootPolicy.fault);
    stored.push({ id, bootPolicy: bootPolicy.value });
  }
  return ok(stored.toSorted((a, b) => a.id - b.id));
}

/**
 * Writes an approved boot to a disk's header; needs no key, and proves nothing by itself. The same boot once more replaces the
 * first. Gives the token's id. `boot-policies-full`: eight are there; remove one.
 */
export async function addBootPolicy(
  file: string,
  bootPolicy: BootPolicy,
): Promise<Result<number, GuestDiskFault | Fault<'boot-policies-full'>>> {
  const stored = await listBootPolicies(file);
  if (!stored.ok) return stored;
  const same = stored.value.find((each) => equal(each.bootPolicy.policy, bootPolicy.policy));
  const id = same?.id ?? BOOT_POLICY_TOKENS.find((free) => !stored.value.some((each) => each.id === free));
  if (id === undefined) return fail('boot-policies-full', `${file} holds ${stored.value.length} boot policies`);
  const written = await writeToken(file, id, bootPolicyToken(bootPolicy));
  return written.ok ? ok(id) : written;
}

/** The boot is not approved any more, as far as this copy of the disk goes: whoever kept the policy can put it back. */
export async function removeBootPolicy(file: string, id: number): Promise<Result<void, GuestDiskFault>> {
  const stored = await listBootPolicies(file);
  if (!stored.ok) return stored;
  return stored.value.some((each) => each.id === id) ? removeToken(file, id) : ok(undefined);
}
