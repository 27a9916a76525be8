import { open } from 'node:fs/promises';
import { concat, isAllZero, u64be } from '@sekimori/bytes';

/** UEFI 2.10, 5.3.2: the header as firmware measures it, and what it may announce. */
const HEADER_BYTES = 92;
const SIGNATURE = 'EFI PART';
const MAX_ENTRIES = 1024;
const MAX_ENTRY_BYTES = 4096;
const BLOCK_SIZES = [512, 4096];

/**
 * UEFI_GPT_DATA of a disk or an image of one: header, number of entries in use, and these. PFP 1.06, 10.2.5. It is what
 * EV_EFI_GPT_EVENT measures. Undefined where there is no such table. Rejects where the disk cannot be read.
 */
export async function partitionTable(disk: string): Promise<Uint8Array | undefined> {
  const file = await open(disk, 'r');
  const at = async (offset: number, length: number) => {
    const buffer = new Uint8Array(length);
    const { bytesRead } = await file.read(buffer, 0, length, offset);
    return buffer.subarray(0, bytesRead);
  };
  try {
    for (const blockSize of BLOCK_SIZES) {
      const header = await at(blockSize, HEADER_BYTES);
      if (header.length < HEADER_BYTES || Buffer.from(header.subarray(0, 8)).toString('latin1') !== SIGNATURE) continue;
      const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
      const [count, size] = [view.getUint32(80, true), view.getUint32(84, true)];
      const first = Number(view.getBigUint64(72, true)) * blockSize;
      if (count > MAX_ENTRIES || size < 128 || size > MAX_ENTRY_BYTES || !Number.isSafeInteger(first)) return undefined;
      const table = await at(first, count * size);
      if (table.length < count * size) return undefined;
      const entries = Array.from({ length: count }, (_, i) => table.subarray(i * size, (i + 1) * size));
      const used = entries.filter((entry) => !isAllZero(entry.subarray(0, 16))); // by its type
      return concat(header, u64be(BigInt(used.length)).toReversed(), ...used);
    }
    return undefined;
  } finally {
    await file.close();
  }
}
