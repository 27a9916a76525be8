import type { PcrSelection } from '@sekimori/tpm2';

// What the guest's half (`guest/sekimori-guest`) knows too: where things stand, and what they are called.

/** Disks of a VM in mode `guest`, by number: in the guest they are /dev/mapper/sekimori-0 and so on. */
const GUEST_DISKS = 16;
/** The pin of disk n stands at this NV index plus n: SHA-256 of the disk's volume key. In the range of owners' indices. */
const FIRST_PIN = 0x0150_0020;

export function pinIndex(disk: number): number {
  if (!Number.isInteger(disk) || disk < 0 || disk >= GUEST_DISKS)
    throw new RangeError(`no disk has the number ${disk}`);
  return FIRST_PIN + disk;
}

/**
 * What a boot policy is over: boot applications (4), Secure Boot (7), initrd and command line (9), the parts of a unified
 * kernel image (11) and what its stub was given besides (12). Never PCR 0 or 1: they vary with processors, memory and devices.
 */
export const BOOT_PCRS = { bank: 'sha256', indices: [4, 7, 9, 11, 12] } as const satisfies PcrSelection;

/** Where the data begin: the guest opens the disk with this offset and cipher, whatever the header says. */
export const LUKS_HEADER_BYTES = 16 * 1024 * 1024;
export const CIPHER = 'aes-xts-plain64';
export const VOLUME_KEY_BYTES = 64;
/** Of the recovery key, and of the key that the TPM keeps. */
export const KEY_BYTES = 32;

export const RECOVERY_SLOT = 0;
export const TPM_SLOT = 1;
export const TPM_TOKEN = 0;
/** Ids of the boot policies' tokens. */
export const BOOT_POLICY_TOKENS = [1, 2, 3, 4, 5, 6, 7, 8] as const;
