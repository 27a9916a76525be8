import { createCipheriv } from 'node:crypto';
import type { Secret } from '../secret.ts';

/** What dm-crypt, LUKS and QEMU call a sector unless told otherwise. */
export const SECTOR_BYTES = 512;

/**
 * AES-256-XTS over whole sectors, the number of each being its tweak: `aes-xts-plain64` of dm-crypt. IEEE 1619; NIST SP
 * 800-38E. The key has 64 bytes. Keeps secret what stands on a disk, and proves nothing about it.
 */
export function encryptSectors(key: Secret, firstSector: number, data: Uint8Array): Uint8Array {
  if (data.length % SECTOR_BYTES !== 0) throw new RangeError(`${data.length} bytes are no whole number of sectors`);
  const out = new Uint8Array(data.length);
  const tweak = Buffer.alloc(16);
  return key.use((bytes) => {
    for (let at = 0, sector = firstSector; at < data.length; at += SECTOR_BYTES, sector++) {
      tweak.writeBigUInt64LE(BigInt(sector));
      const cipher = createCipheriv('aes-256-xts', bytes, tweak);
      out.set(cipher.update(data.subarray(at, at + SECTOR_BYTES)), at);
    }
    return out;
  });
}
