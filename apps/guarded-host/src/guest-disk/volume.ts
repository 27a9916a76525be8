import type { FileHandle } from 'node:fs/promises';
import type { Crypto, Secret } from '@sekimori/crypto-core';
import { encryptSectors, SECTOR_BYTES } from '@sekimori/crypto-core/node';
import { ok, type Result } from '@sekimori/result';
import { cryptsetup, keyFile } from './cryptsetup.ts';
import { diskFault, type GuestDiskFault } from './faults.ts';
import { CIPHER, LUKS_HEADER_BYTES, RECOVERY_SLOT, TPM_SLOT, VOLUME_KEY_BYTES } from './layout.ts';

/** Every key is 256 random bits and no passphrase: there is nothing that stretching would protect. */
const STRETCHING = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
const CHUNK = 2048 * SECTOR_BYTES;

/** Writes a LUKS2 header for a volume key of ours, which the recovery key opens from keyslot 0, into a file with room for it. */
export async function formatVolume(
  file: string,
  volumeKey: Secret,
  recoveryKey: Secret,
): Promise<Result<void, GuestDiskFault>> {
  const layout = ['--type', 'luks2', '--offset', `${LUKS_HEADER_BYTES / SECTOR_BYTES}`];
  const cipher = ['--cipher', CIPHER, '--key-size', `${8 * VOLUME_KEY_BYTES}`, '--sector-size', `${SECTOR_BYTES}`];
  const keys = ['--key-slot', `${RECOVERY_SLOT}`, '--key-file', keyFile(0), '--volume-key-file', keyFile(1)];
  const made = await cryptsetup(['luksFormat', ...layout, ...cipher, ...STRETCHING, ...keys, file], {
    keys: [recoveryKey, volumeKey],
  });
  return made.ok ? ok(undefined) : made;
}

/** Puts a key into keyslot 1. */
export async function addTpmSlot(
  file: string,
  recoveryKey: Secret,
  key: Secret,
): Promise<Result<void, GuestDiskFault>> {
  const slot = ['--key-file', keyFile(0), '--key-slot', `${TPM_SLOT}`];
  const added = await cryptsetup(['luksAddKey', ...STRETCHING, ...slot, file, keyFile(1)], {
    keys: [recoveryKey, key],
  });
  return added.ok ? ok(undefined) : added;
}

export function volumeKeyDigest(crypto: Crypto, volumeKey: Secret): Uint8Array {
  return volumeKey.use((bytes) => crypto.hash('sha256', bytes));
}

/** Encrypts what `source` holds behind the header of `target`. The clear text never leaves the source and this memory. */
export async function encryptInto(
  source: FileHandle,
  size: number,
  target: FileHandle,
  volumeKey: Secret,
): Promise<Result<void, GuestDiskFault>> {
  const chunk = Buffer.alloc(CHUNK);
  for (let at = 0; at < size; ) {
    const length = Math.min(CHUNK, size - at);
    const { bytesRead } = await source.read(chunk, 0, length, at);
    // Whole sectors: a part of one is read again with its rest.
    const whole = bytesRead - (bytesRead % SECTOR_BYTES);
    if (whole === 0) return diskFault('guest-disk-source', 'the source became shorter while it was read');
    const encrypted = encryptSectors(volumeKey, at / SECTOR_BYTES, chunk.subarray(0, whole));
    for (let done = 0; done < whole; ) {
      const position = LUKS_HEADER_BYTES + at + done;
      done += (await target.write(encrypted, done, whole - done, position)).bytesWritten;
    }
    at += whole;
  }
  chunk.fill(0);
  return ok(undefined);
}
