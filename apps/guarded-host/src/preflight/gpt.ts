import { open } from 'node:fs/promises';
import { concat, fromUtf8, isAllZero } from '@sekimori/bytes';
import { bytes, decode, encode, struct, u32le, u64le } from '@sekimori/codec';

/** EFI_PARTITION_TABLE_HEADER as firmware measures it. UEFI 2.10, 5.3.2. */
const GPT_HEADER = struct('EFI_PARTITION_TABLE_HEADER')
  .field('signature', bytes(8))
  .field('revision', u32le)
  .field('headerSize', u32le)
  .field('headerCrc32', u32le)
  .field('reserved', u32le)
  .field('myLba', u64le)
  .field('alternateLba', u64le)
  .field('firstUsableLba', u64le)
  .field('lastUsableLba', u64le)
  .field('diskGuid', bytes(16))
  .field('partitionEntryLba', u64le)
  .field('numberOfPartitionEntries', u32le)
  .field('sizeOfPartitionEntry', u32le)
  .field('partitionEntryArrayCrc32', u32le);
const HEADER_BYTES = 92;
const SIGNATURE = 'EFI PART';
/** What it may announce. */
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
      const read = decode(GPT_HEADER, header);
      if (!read.ok || fromUtf8(read.value.signature) !== SIGNATURE) continue;
      const { numberOfPartitionEntries: count, sizeOfPartitionEntry: size, partitionEntryLba } = read.value;
      const first = Number(partitionEntryLba) * blockSize;
      if (count > MAX_ENTRIES || size < 128 || size > MAX_ENTRY_BYTES || !Number.isSafeInteger(first)) return undefined;
      const table = await at(first, count * size);
      if (table.length < count * size) return undefined;
      const entries = Array.from({ length: count }, (_, i) => table.subarray(i * size, (i + 1) * size));
      const used = entries.filter((entry) => !isAllZero(entry.subarray(0, 16))); // by its type
      return concat(header, encode(u64le, BigInt(used.length)), ...used);
    }
    return undefined;
  } finally {
    await file.close();
  }
}
