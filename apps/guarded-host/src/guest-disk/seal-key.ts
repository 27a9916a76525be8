import { equal, toBase64 } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import type { Secret } from '@sekimori/crypto-core';
import { type Fault, ok, type Result } from '@sekimori/result';
import {
  readNv,
  readPublic,
  seal,
  TPM2B_PUBLIC,
  type Tpm,
  type TpmFault,
  WELL_KNOWN,
  writeNvOnce,
} from '@sekimori/tpm2';
import { diskFault, type GuestDiskFault } from './faults.ts';
import { pinIndex, TPM_SLOT } from './layout.ts';
import { type GuestDiskVm, ownerPolicy } from './owner-policy.ts';
import type { TpmToken } from './tokens.ts';

export type SealFault = GuestDiskFault | TpmFault | Fault<'invalid-key'>;

/** The VM's TPM, as `withVirtualTpm` gives it, and its owner's authorization. */
export interface OwnedTpm {
  readonly tpm: Tpm;
  readonly ownerAuth: Secret;
}

/** The token for a key that opens the disk: sealed in the TPM for every boot that the owner approves. */
export async function sealKey(
  { tpm }: OwnedTpm,
  vm: GuestDiskVm,
  disk: number,
  key: Secret,
): Promise<Result<TpmToken, SealFault>> {
  const { signer, policyRef, authPolicy } = ownerPolicy(tpm.crypto, vm);
  const parent = await readPublic(tpm, WELL_KNOWN.storageRootKey);
  if (!parent.ok) return parent;
  const sealed = await seal(tpm, parent.value, authPolicy, key);
  if (!sealed.ok) return sealed;
  return ok({
    type: 'sekimori-tpm2',
    keyslots: [`${TPM_SLOT}`],
    version: '1',
    vm: vm.id,
    pin: `0x${pinIndex(disk).toString(16).padStart(8, '0')}`,
    sealedPublic: toBase64(sealed.value.tpm2bPublic),
    sealedPrivate: toBase64(sealed.value.tpm2bPrivate),
    signer: toBase64(encode(TPM2B_PUBLIC, signer)),
    policyRef: toBase64(policyRef),
  });
}

/**
 * Binds the TPM to a disk, for good: the guest opens no disk whose volume key has another digest. A sealed key does not say
 * that, since whoever talks to the TPM can seal one of his own in it, under a policy of his own.
 */
export async function pinDisk(
  { tpm, ownerAuth }: OwnedTpm,
  disk: number,
  digest: Uint8Array,
): Promise<Result<number, SealFault>> {
  const index = pinIndex(disk);
  const pinned = await pinOf(tpm, disk);
  if (!pinned.ok) return pinned;
  if (pinned.value)
    return equal(pinned.value, digest)
      ? ok(index)
      : diskFault('guest-disk-pinned', `the TPM is bound to another disk ${disk}`);
  const parent = await readPublic(tpm, WELL_KNOWN.storageRootKey);
  if (!parent.ok) return parent;
  const written = await writeNvOnce(tpm, { auth: ownerAuth, saltTo: parent.value }, index, digest);
  return written.ok ? ok(index) : written;
}

/** Undefined where the TPM is bound to no disk of this number. */
export async function pinOf(tpm: Tpm, disk: number): Promise<Result<Uint8Array | undefined, TpmFault>> {
  const read = await readNv(tpm, pinIndex(disk));
  if (read.ok) return read;
  const { fault } = read;
  return fault.code === 'tpm-error' && fault.response.name === 'TPM_RC_HANDLE' ? ok(undefined) : read;
}
