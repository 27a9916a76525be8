import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { toHex } from '@sekimori/bytes';
import type { Crypto, Secret } from '@sekimori/crypto-core';
import { inspectRawImage } from '@sekimori/qemu';
import { type Fault, ok, type Result } from '@sekimori/result';
import { syncFolder } from '@sekimori/service-kit/program';
import type { Tpm } from '@sekimori/tpm2';
import { randomSecret } from '../random-secret.ts';
import { addBootPolicy } from './boot-policies.ts';
import type { BootPolicy } from './boot-policy.ts';
import { diskFault, type GuestDiskFault } from './faults.ts';
import { KEY_BYTES, LUKS_HEADER_BYTES, TPM_TOKEN, VOLUME_KEY_BYTES } from './layout.ts';
import type { GuestDiskVm } from './owner-policy.ts';
import { pinDisk, pinOf, sealKey, type SealFault } from './seal-key.ts';
import { writeToken } from './tokens.ts';
import { addTpmSlot, encryptInto, formatVolume, volumeKeyDigest } from './volume.ts';

export interface EncryptGuestDisk {
  readonly crypto: Crypto;
  /** A raw image. It stays as it is. */
  readonly source: string;
  /** Must not be there. It is larger than the source by `LUKS_HEADER_BYTES`. */
  readonly target: string;
  /** 32 random bytes, one for all disks of a VM: opens keyslot 0. Escrow it (`sealRecovery`). */
  readonly recoveryKey: Secret;
  readonly vm: GuestDiskVm;
  /** 0 to 15: /dev/mapper/sekimori-N in the guest, and the number of the pin in the TPM. */
  readonly disk: number;
  /** The VM's, from `withVirtualTpm`. */
  readonly tpm: Tpm;
  readonly ownerAuth: Secret;
  /** Boots that are approved already. */
  readonly bootPolicies?: readonly BootPolicy[];
}

export interface GuestDisk {
  /** SHA-256 of the volume key: what the TPM holds as the pin. */
  readonly volumeKeyDigest: Uint8Array;
  readonly nvIndex: number;
}

/**
 * Encrypts a disk for a guest, offline, on the owner's machine: LUKS2 that the recovery key opens, and a key sealed in the VM's
 * TPM; the TPM is bound to this disk. No clear text is written anywhere, and the target appears whole or not at all.
 */
export async function encryptGuestDisk(
  options: EncryptGuestDisk,
): Promise<Result<GuestDisk, SealFault | Fault<'boot-policies-full'>>> {
  const { crypto, target, tpm, disk } = options;
  if (await exists(target)) return diskFault('guest-disk-exists', `${target} is there already`);
  const pinned = await pinOf(tpm, disk);
  if (!pinned.ok) return pinned;
  if (pinned.value) return diskFault('guest-disk-pinned', `the TPM is bound to a disk ${disk} already`);
  const source = await openSource(options.source);
  if (!source.ok) return source;
  const partial = `${target}.${toHex(crypto.random(6))}.partial`;
  try {
    const made = await encryptTo(partial, source.value, options);
    if (!made.ok) return made;
    await rename(partial, target);
    await syncFolder(dirname(target));
    return made;
  } finally {
    await source.value.file.close();
    await rm(partial, { force: true });
  }
}

async function encryptTo(
  partial: string,
  source: { readonly file: FileHandle; readonly size: number },
  options: EncryptGuestDisk,
): Promise<Result<GuestDisk, SealFault | Fault<'boot-policies-full'>>> {
  const { recoveryKey, bootPolicies = [] } = options;
  const [volumeKey, tpmKey] = [randomSecret(VOLUME_KEY_BYTES), randomSecret(KEY_BYTES)];
  try {
    const file = await open(partial, 'wx', 0o600);
    try {
      await file.truncate(LUKS_HEADER_BYTES + source.size);
      const formatted = await formatVolume(partial, volumeKey, recoveryKey);
      if (!formatted.ok) return formatted;
      const encrypted = await encryptInto(source.file, source.size, file, volumeKey);
      if (!encrypted.ok) return encrypted;
      const enrolled = await enrol(partial, tpmKey, options);
      if (!enrolled.ok) return enrolled;
      for (const bootPolicy of bootPolicies) {
        const added = await addBootPolicy(partial, bootPolicy);
        if (!added.ok) return added;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    // The last step that can fail: a pin without its disk would be in the way of another try.
    return await pin(options, volumeKey);
  } finally {
    volumeKey.wipe();
    tpmKey.wipe();
  }
}

async function enrol(file: string, tpmKey: Secret, options: EncryptGuestDisk): Promise<Result<void, SealFault>> {
  const token = await sealKey(options, options.vm, options.disk, tpmKey);
  if (!token.ok) return token;
  const set = await addTpmSlot(file, options.recoveryKey, tpmKey);
  return set.ok ? writeToken(file, TPM_TOKEN, token.value) : set;
}

async function pin(options: EncryptGuestDisk, volumeKey: Secret): Promise<Result<GuestDisk, SealFault>> {
  const digest = volumeKeyDigest(options.crypto, volumeKey);
  const pinned = await pinDisk(options, options.disk, digest);
  return pinned.ok ? ok({ volumeKeyDigest: digest, nvIndex: pinned.value }) : pinned;
}

async function openSource(
  path: string,
): Promise<Result<{ readonly file: FileHandle; readonly size: number }, GuestDiskFault>> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return diskFault('guest-disk-source', (error as Error).message);
  }
  const refuse = async (detail: string, cause?: Fault) => {
    await file.close();
    return diskFault('guest-disk-source', detail, cause);
  };
  if (!(await file.stat()).isFile()) return refuse(`${path} is no file`);
  const image = await inspectRawImage(path);
  return image.ok ? ok({ file, size: image.value.size }) : refuse(image.fault.detail, image.fault);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
