import { lengthPrefixed, utf8 } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import type { VmId } from '@sekimori/guest-state';
import type { Guardian } from '@sekimori/key-protector';
import { authorizedPolicy, type PublicArea, policySigner } from '@sekimori/tpm2';

/** Whose disks these are: the VM, and the guardian that approves its boots. */
export interface GuestDiskVm {
  readonly id: VmId;
  readonly owner: Guardian;
}

/** What the disk's key is sealed under: every boot of this VM that the owner's guardian signed for. TPM2_PolicyAuthorize. */
export interface OwnerPolicy {
  readonly signer: PublicArea;
  readonly policyRef: Uint8Array;
  /** The policy of the sealed key: it names the two above. */
  readonly authPolicy: Uint8Array;
}

export function ownerPolicy(crypto: Crypto, vm: GuestDiskVm): OwnerPolicy {
  const signer = policySigner(vm.owner.signingKey);
  const policyRef = policyRefOf(crypto, vm.id);
  return { signer, policyRef, authPolicy: authorizedPolicy(crypto, signer, policyRef) };
}

/** Sets these signatures apart from all others by the same key, and those for one VM from those for another. */
export function policyRefOf(crypto: Crypto, vmId: VmId): Uint8Array {
  return crypto.hash('sha256', lengthPrefixed(utf8('sekimori boot policy'), utf8(vmId)));
}
