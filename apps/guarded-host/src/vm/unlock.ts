import { equal, fromUtf8, toHex } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import {
  type GuestState,
  isPolicyOf,
  openGuestState,
  readGuestStateBinding,
  type SecurityPolicy,
  verifySecurityPolicy,
  type VmId,
  wipeGuestState,
} from '@sekimori/guest-state';
import type { VerifiedProtector } from '@sekimori/key-protector';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { readPrivateFile } from '@sekimori/service-kit/program';
import { checkDefinition } from './definition/check.ts';
import { type ReadDefinition, readVmDefinition } from './definition/read.ts';
import { generationsOf, type Pair, readPair } from './folder/generations.ts';
import { vmPaths } from './folder/layout.ts';
import { type ReleaseKeys, type Released, verifiedProtector } from './keys.ts';

/** A VM as its folder describes it, checked as far as that goes without a secret. */
export interface KnownVm {
  readonly folder: string;
  readonly vmId: VmId;
  readonly definition: ReadDefinition['definition'];
  readonly policy: SecurityPolicy;
  /** The policy as it was signed. */
  readonly policyText: string;
  /** Protector and guest state of the generation that is to be opened. */
  readonly pair: Pair & { readonly verified: VerifiedProtector };
  /** The newest generation's number, whether or not it is the one to be opened. */
  readonly newest: bigint;
}

/**
 * Reads a VM's folder and judges the definition by the owner's security policy: nothing secret exists yet. The newest generation counts,
 * unless somebody asks for the last known good one: to go back by itself would let whoever damages the newest choose. `vm-not-found`,
 * `vm-not-shielded`, `vm-definition-invalid`, `vm-definition-refused`, `security-policy-…`, `vm-state-…`.
 */
export async function knownVm(
  crypto: Crypto,
  folder: string,
  options: { readonly lastKnownGood?: boolean } = {},
): Promise<Result<KnownVm>> {
  const paths = vmPaths(folder);
  const read = await definitionIn(folder);
  if (!read.ok) return read;
  const policyFile = await readPrivateFile(paths.securityPolicy);
  if (!policyFile.ok)
    return policyFile.fault.code === 'no-such-file'
      ? fail('vm-not-shielded', `${folder} has no security policy: its owner has not shielded it`)
      : policyFile;
  const policyText = policyFile.value.use((bytes) => fromUtf8(bytes)) ?? '';
  const [newest, before] = await generationsOf(folder);
  const wanted = options.lastKnownGood ? before : newest;
  if (newest === undefined) return fail('vm-state-missing', `${folder} has no generation of its state`);
  if (wanted === undefined) return fail('vm-state-missing', `${folder} has no generation before the newest`);
  const pair = await readPair(folder, wanted);
  if (!pair.ok) return pair;
  const verified = verifiedProtector(crypto, pair.value.protector);
  if (!verified.ok)
    return fail('vm-state-unreadable', `the protector of generation ${wanted} does not hold`, {
      cause: verified.fault,
    });
  const policy = verifySecurityPolicy(crypto, verified.value.owner.guardian, policyText);
  if (!policy.ok) return policy;
  const allowed = checkDefinition(read.value, policy.value);
  if (!allowed.ok) return allowed;
  const { definition, vmId } = read.value;
  return ok({
    folder,
    vmId,
    definition,
    policy: policy.value,
    policyText,
    pair: { ...pair.value, verified: verified.value },
    newest,
  });
}

export async function definitionIn(folder: string): Promise<Result<ReadDefinition>> {
  const file = vmPaths(folder).definition;
  const bytes = await readPrivateFile(file);
  if (!bytes.ok) return bytes.fault.code === 'no-such-file' ? fail('vm-not-found', `${folder} holds no VM`) : bytes;
  const read = bytes.value.use(readVmDefinition);
  return read.ok ? read : fail(read.fault.code, `${file}: ${read.fault.detail}`);
}

/** What a host has of a VM once it was given its keys. */
export interface UnlockedVm {
  readonly state: GuestState;
  readonly released: Released;
}

/**
 * Has the protector opened, and with its transport key the guest state. Owner and policy must be those that the state names: somebody
 * who puts a protector and a policy of their own beside it gets no further. The rolled protector must be for the same parties, so that
 * what is written next opens again. Faults of the release; `guest-state-not-opened`, `vm-not-its-owners`, `vm-egress-refused`.
 */
export async function unlock(crypto: Crypto, vm: KnownVm, release: ReleaseKeys): Promise<Result<UnlockedVm>> {
  const { pair, vmId, policyText } = vm;
  const binding = { vmId, generation: pair.generation };
  const clear = readGuestStateBinding(pair.guestState);
  if (!clear.ok) return clear;
  if (clear.value.vmId !== vmId || clear.value.generation !== pair.generation)
    return fail(
      'guest-state-not-opened',
      `the guest state is of ${clear.value.vmId}, generation ${clear.value.generation}`,
    );
  const released = await release(pair.protector);
  if (!released.ok) return released;
  const { ingress, egress } = released.value.keys;
  const refuse = (fault: { readonly ok: false; readonly fault: Fault }) => {
    for (const key of [ingress, egress]) key.wipe();
    return fault;
  };
  const opened = openGuestState(crypto, ingress, binding, pair.guestState);
  if (!opened.ok) return refuse(opened);
  const state = opened.value;
  const isTheirs = equal(state.owner, pair.verified.owner.guardian.digest) && isPolicyOf(crypto, state, policyText);
  const isForThem = hasSameParties(crypto, pair.verified, released.value.egressProtector);
  if (isTheirs && isForThem) return ok({ state, released: released.value });
  wipeGuestState(state);
  return refuse(
    isTheirs
      ? fail(
          'vm-egress-refused',
          'the key protection service answered with a protector that is not for the same parties',
        )
      : fail(
          'vm-not-its-owners',
          `the security policy beside it is not the one its owner ${toHex(state.owner)} shielded it with`,
        ),
  );
}

function hasSameParties(crypto: Crypto, before: VerifiedProtector, egress: Uint8Array): boolean {
  const after = verifiedProtector(crypto, egress);
  if (!after.ok || !after.value.owner.guardian.equals(before.owner.guardian)) return false;
  return (
    after.value.wrappings.length === before.wrappings.length &&
    before.wrappings.every(({ guardian }) => after.value.wrappingOf(guardian) !== undefined)
  );
}
