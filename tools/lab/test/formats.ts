/** Reads a file from a FAT16 file system that fills the image, as a driver does: by the boot sector, folders and chains. */
export function fileOnFat16(image: Uint8Array, path: readonly string[]): Uint8Array {
  const disk = Buffer.from(image);
  const sectorSize = disk.readUInt16LE(11);
  const clusterSize = sectorSize * disk.readUInt8(13);
  const fatStart = sectorSize * disk.readUInt16LE(14);
  const fatSize = sectorSize * disk.readUInt16LE(22);
  const rootStart = fatStart + disk.readUInt8(16) * fatSize;
  const dataStart = rootStart + 32 * disk.readUInt16LE(17);
  const clusters = Math.floor((sectorSize * disk.readUInt16LE(19) - dataStart) / clusterSize);
  if (disk.readUInt16LE(510) !== 0xaa55 || sectorSize * disk.readUInt16LE(19) !== disk.length)
    throw new Error('not a file system, or one that does not fill the disk');
  if (clusters < 4085 || clusters > 65524) throw new Error(`${clusters} clusters are not FAT16`);
  if (fatSize < 2 * (clusters + 2)) throw new Error('the table is too short');
  const fat = disk.subarray(fatStart, fatStart + fatSize);
  if (!fat.equals(disk.subarray(fatStart + fatSize, fatStart + 2 * fatSize))) throw new Error('the tables differ');

  const chain = (first: number) => {
    const parts: Buffer[] = [];
    for (let cluster = first; cluster < 0xfff8; cluster = fat.readUInt16LE(2 * cluster)) {
      if (cluster < 2 || cluster > clusters + 1 || parts.length > clusters) throw new Error('a broken chain');
      const start = dataStart + (cluster - 2) * clusterSize;
      parts.push(disk.subarray(start, start + clusterSize));
    }
    return Buffer.concat(parts);
  };
  let found: Buffer = disk.subarray(rootStart, dataStart);
  for (const name of path) {
    const at = Array.from({ length: found.length / 32 }, (_, n) => 32 * n).find(
      (offset) => found.toString('latin1', offset, offset + 11) === name.padEnd(11),
    );
    if (at === undefined) throw new Error(`${name} is not there`);
    const isFolder = (found.readUInt8(at + 11) & 0x10) !== 0;
    const content = chain(found.readUInt16LE(at + 26));
    found = isFolder ? content : content.subarray(0, found.readUInt32LE(at + 28));
  }
  return found;
}

/** What a loader needs to know of a PE32+ file. */
export function sectionsOf(file: Uint8Array) {
  const view = Buffer.from(file);
  const pe = view.readUInt32LE(0x3c);
  const optional = pe + 24;
  const table = optional + view.readUInt16LE(pe + 20);
  const sections = Array.from({ length: view.readUInt16LE(pe + 6) }, (_, n) => {
    const at = table + 40 * n;
    const flags = view.readUInt32LE(at + 36);
    return {
      name: view.toString('latin1', at, at + 8).replace(/\0+$/, ''),
      size: view.readUInt32LE(at + 8),
      address: view.readUInt32LE(at + 12),
      fileSize: view.readUInt32LE(at + 16),
      offset: view.readUInt32LE(at + 20),
      executable: (flags & 0x20000000) !== 0,
      writable: (flags & 0x80000000) !== 0,
    };
  });
  return {
    sections,
    entryPoint: view.readUInt32LE(optional + 16),
    sizeOfImage: view.readUInt32LE(optional + 56),
    sizeOfHeaders: view.readUInt32LE(optional + 60),
  };
}
