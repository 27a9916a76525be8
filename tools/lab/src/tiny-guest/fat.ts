import { type Field, joined, layOut, littleEndian, padded } from './layout.ts';

const SECTOR = 512;
const SECTORS = 8192; // 4 MiB: FAT16 begins at 4085 clusters, a cluster being one sector here
const RESERVED = 2; // sectors: the boot sector and the spare one
const FAT_SECTORS = 32; // 256 entries in each
const ROOT_ENTRIES = 16; // one sector of them
const MEDIA = 0xf8; // not removable

/** Where sector 1 begins, in bytes: it belongs to no file system and is free for the application. */
export const SPARE_OFFSET = SECTOR;

/**
 * A raw disk that is one FAT16 file system without a partition table, with a single file, \EFI\BOOT\BOOTX64.EFI, which
 * firmware starts when nothing else was chosen (UEFI 2.10, 3.5.1.1).
 * FAT: General Overview of On-Disk Format (Microsoft, 1.03).
 */
export function bootDisk(application: Uint8Array): Uint8Array<ArrayBuffer> {
  const [efi, boot, file] = [2, 3, 4]; // clusters; the file has as many as it needs from there
  const last = file + Math.ceil(application.length / SECTOR) - 1;
  const chains = [0xff00 | MEDIA, END, END, END]; // two entries are no clusters, then the folders
  for (let cluster = file; cluster <= last; cluster++) chains.push(cluster < last ? cluster + 1 : END);
  const fat = padded(joined(chains.map((next) => littleEndian(next, 2))), FAT_SECTORS * SECTOR);

  const sector = (fields: readonly Field[]) => padded(layOut(fields), SECTOR);
  const used = joined([
    sector(BOOT_SECTOR),
    new Uint8Array(SECTOR), // the spare one
    fat,
    fat,
    sector(entry('EFI', FOLDER, efi)), // the root folder
    sector([...entry('.', FOLDER, efi), ...entry('..', FOLDER, 0), ...entry('BOOT', FOLDER, boot)]),
    sector([
      ...entry('.', FOLDER, boot),
      ...entry('..', FOLDER, efi),
      ...entry('BOOTX64 EFI', FILE, file, application.length),
    ]),
    application,
  ]);
  if (used.length > SECTORS * SECTOR) throw new RangeError(`no room for ${application.length} bytes`);
  return padded(used, SECTORS * SECTOR);
}

const END = 0xffff; // of a chain of clusters
const FILE = 0x20; // to be archived: what a new file has
const FOLDER = 0x10;

const BOOT_SECTOR: readonly Field[] = [
  ['BS_jmpBoot', 3, Uint8Array.of(0xeb, 0x3c, 0x90)],
  ['BS_OEMName', 8, 'SEKIMORI'],
  ['BPB_BytsPerSec', 2, SECTOR],
  ['BPB_SecPerClus', 1, 1],
  ['BPB_RsvdSecCnt', 2, RESERVED],
  ['BPB_NumFATs', 1, 2],
  ['BPB_RootEntCnt', 2, ROOT_ENTRIES],
  ['BPB_TotSec16', 2, SECTORS],
  ['BPB_Media', 1, MEDIA],
  ['BPB_FATSz16', 2, FAT_SECTORS],
  ['BPB_SecPerTrk', 2, 32],
  ['BPB_NumHeads', 2, 4],
  ['BPB_HiddSec', 4, 0],
  ['BPB_TotSec32', 4, 0],
  ['BS_DrvNum', 1, 0x80],
  ['BS_Reserved1', 1, 0],
  ['BS_BootSig', 1, 0x29],
  ['BS_VolID', 4, 0x5e1c1302],
  ['BS_VolLab', 11, 'NO NAME    '],
  ['BS_FilSysType', 8, 'FAT16   '],
  ['code and partition table', 448, new Uint8Array(448)],
  ['Signature_word', 2, 0xaa55],
];

/** A directory entry; `name` is in the form 8 + 3, padded by blanks. */
const entry = (name: string, attributes: number, cluster: number, size = 0): Field[] => [
  ['DIR_Name', 11, name.padEnd(11)],
  ['DIR_Attr', 1, attributes],
  ['DIR_NTRes', 1, 0],
  ['DIR_CrtTimeTenth', 1, 0],
  ['DIR_CrtTime', 2, 0],
  ['DIR_CrtDate', 2, 0x21], // 1980-01-01
  ['DIR_LstAccDate', 2, 0x21],
  ['DIR_FstClusHI', 2, 0],
  ['DIR_WrtTime', 2, 0],
  ['DIR_WrtDate', 2, 0x21],
  ['DIR_FstClusLO', 2, cluster],
  ['DIR_FileSize', 4, size],
];
