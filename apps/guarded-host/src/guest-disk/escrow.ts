import { bytes, constant, decode, encode, struct, u8 } from '@sekimori/codec';
import { type Crypto, Secret } from '@sekimori/crypto-core';
import { openFromGuardian, sealToGuardian, VM_ID, type VmId } from '@sekimori/guest-state';
import type { Guardian, GuardianKeys } from '@sekimori/key-protector';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { KEY_BYTES } from './layout.ts';

/** What its owner must not lose of a VM. */
export interface VmRecovery {
  /** Opens its disks without its TPM. */
  readonly recoveryKey: Secret;
  /** The owner's and lockout authorization of its TPM. */
  readonly ownerAuth: Secret;
}

const VM_RECOVERY = struct('VM_RECOVERY')
  .field('version', constant(u8, 1))
  .field('recoveryKey', bytes(KEY_BYTES))
  .field('ownerAuth', bytes(KEY_BYTES));

const purposeOf = (vmId: VmId) => ({ label: 'vm recovery', context: encode(VM_ID, vmId) });

/** For a file beside the VM: the owner's guardian alone opens it. */
export function sealRecovery(crypto: Crypto, owner: Guardian, vmId: VmId, recovery: VmRecovery): Uint8Array {
  const { recoveryKey, ownerAuth } = recovery;
  const plain = recoveryKey.use((key) =>
    ownerAuth.use((auth) => encode(VM_RECOVERY, { version: 1, recoveryKey: key, ownerAuth: auth })),
  );
  const secret = new Secret(plain);
  plain.fill(0);
  const sealed = sealToGuardian(crypto, owner, purposeOf(vmId), secret);
  secret.wipe();
  return sealed;
}

/** `escrow-not-opened`: for another guardian or VM, or changed. */
export async function openRecovery(
  crypto: Crypto,
  owner: GuardianKeys,
  vmId: VmId,
  sealed: Uint8Array,
): Promise<Result<VmRecovery, Fault<'escrow-malformed' | 'escrow-not-opened'>>> {
  const opened = await openFromGuardian(crypto, owner, purposeOf(vmId), sealed);
  if (!opened.ok) return opened;
  const decoded = opened.value.use((plain) => decode(VM_RECOVERY, plain));
  opened.value.wipe();
  // The detail of a decoding fault may quote the secret.
  if (!decoded.ok) return fail('escrow-malformed', 'not the recovery of a VM');
  const { recoveryKey, ownerAuth } = decoded.value;
  const recovery = { recoveryKey: new Secret(recoveryKey), ownerAuth: new Secret(ownerAuth) };
  for (const part of [recoveryKey, ownerAuth]) part.fill(0);
  return ok(recovery);
}
