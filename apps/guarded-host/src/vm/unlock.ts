import { equal, fromUtf8, toHex } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import {
  type GuestState,
  isPolicyOf,
  openGuestState,
  type SecurityPolicy,
  verifySecurityPolicy,
  type VmId,
} from '@sekimori/guest-state';
import type { VerifiedProtector } from '@sekimori/key-protector';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { readPrivateFile } from '@sekimori/service-kit/program';
import { checkDefinition } from './definition/check.ts';
import { type ReadDefinition, readVmDefinition } from './definition/read.ts';
import { generationsOf, type Pair, readPair } from './folder/generations.ts';
import { vmPaths } from './folder/layout.ts';
import { type ReleaseKeys, type Released, verifiedProtector } from './keys.ts';

const MAX_DEFINITION = 64 * 1024;

/** A VM as its folder describes it, checked as far as that goes without a secret. */
export interface KnownVm {
  readonly folder: string;
  readonly vmId: VmId;
  readonly definition: ReadDefinition['definition'];
  readonly policy: SecurityPolicy;
  /** The policy as it was signed. */
  readonly policyText: string;
  /** The protector of the newest generation and the one of the last known good, with their guest states, newest first. */
  readonly pairs: readonly (Pair & { readonly verified: VerifiedProtector })[];
  /** The newest generation's number, whether or not it can be read. */
  readonly newest: bigint;
}

/**
 * Reads a VM's folder and judges the definition by the owner's security policy: nothing secret exists yet. `vm-not-found`,
 * `vm-not-shielded`, `vm-definition-invalid`, `vm-definition-refused`, `security-policy-…`, `vm-state-…`.
 */
export async function knownVm(crypto: Crypto, folder: string): Promise<Result<KnownVm>> {
  const paths = vmPaths(folder);
  const read = await definitionIn(folder);
  if (!read.ok) return read;
  const policyFile = await readPrivateFile(paths.securityPolicy);
  if (!policyFile.ok)
    return policyFile.fault.code === 'no-such-file'
      ? fail('vm-not-shielded', `${folder} has no security policy: its owner has not shielded it`)
      : policyFile;
  const policyText = policyFile.value.use((bytes) => fromUtf8(bytes)) ?? '';
  const generations = await generationsOf(folder);
  const [newest] = generations;
  if (newest === undefined) return fail('vm-state-missing', `${folder} has no generation of its state`);
  const pairs: (Pair & { readonly verified: VerifiedProtector })[] = [];
  let trouble: Fault | undefined;
  for (const generation of generations) {
    const pair = await readPair(folder, generation);
    const verified = pair.ok ? verifiedProtector(crypto, pair.value.protector) : pair;
    if (pair.ok && verified.ok) pairs.push({ ...pair.value, verified: verified.value });
    else if (!verified.ok) trouble ??= verified.fault;
  }
  const [first] = pairs;
  if (!first)
    return fail('vm-state-unreadable', 'no generation of its state can be read', {
      ...(trouble && { cause: trouble }),
    });
  const policy = verifySecurityPolicy(crypto, first.verified.owner.guardian, policyText);
  if (!policy.ok) return policy;
  const allowed = checkDefinition(read.value, policy.value);
  if (!allowed.ok) return allowed;
  const { definition, vmId } = read.value;
  return ok({ folder, vmId, definition, policy: policy.value, policyText, pairs, newest });
}

export async function definitionIn(folder: string): Promise<Result<ReadDefinition>> {
  const file = vmPaths(folder).definition;
  const bytes = await readPrivateFile(file, { maxBytes: MAX_DEFINITION });
  if (!bytes.ok) return bytes.fault.code === 'no-such-file' ? fail('vm-not-found', `${folder} holds no VM`) : bytes;
  const read = bytes.value.use(readVmDefinition);
  return read.ok ? read : fail(read.fault.code, `${file}: ${read.fault.detail}`);
}

/** What a host has of a VM once it was given its keys. */
export interface UnlockedVm {
  readonly state: GuestState;
  readonly released: Released;
  /** The generation whose pair opened: not the newest where that is damaged. */
  readonly from: bigint;
}

/**
 * Has the protector opened, and with its transport key the guest state. Owner and policy must be those that the state names: somebody
 * who puts a protector and a policy of their own beside it gets no further. Where the newest pair does not fit together, the last known
 * good one is taken. Faults of the release; `guest-state-not-opened`, `vm-not-its-owners`.
 */
export async function unlock(crypto: Crypto, vm: KnownVm, release: ReleaseKeys): Promise<Result<UnlockedVm>> {
  let trouble: Fault | undefined;
  for (const pair of vm.pairs) {
    const released = await release(pair.protector);
    if (!released.ok) return released;
    const { ingress, egress } = released.value.keys;
    const opened = openGuestState(crypto, ingress, { vmId: vm.vmId, generation: pair.generation }, pair.guestState);
    if (opened.ok) {
      const isTheirs =
        equal(opened.value.owner, pair.verified.owner.guardian.digest) &&
        isPolicyOf(crypto, opened.value, vm.policyText);
      if (isTheirs) return ok({ state: opened.value, released: released.value, from: pair.generation });
      trouble = fail(
        'vm-not-its-owners',
        `the security policy beside it is not the one its owner ${toHex(opened.value.owner)} shielded it with`,
      ).fault;
    } else trouble ??= opened.fault;
    for (const key of [ingress, egress]) key.wipe();
  }
  if (!trouble) throw new Error('a known VM has a pair');
  return { ok: false, fault: trouble };
}
