import { fromUtf8 } from '@sekimori/bytes';
import { bytes, type Codec, constant, decodePrefix, listOf, struct, u16le, u32le } from '@sekimori/codec';
import { fail, type Fault, ok, type Result } from '@sekimori/result';

// PE images as UEFI loads them. Microsoft PE Format; UEFI 2.10, 2.1.1.

/** A boot image has some hundreds of MiB at most, and a section table of some lines. */
export const PE_LIMITS = { bytes: 512 * 1024 * 1024, sections: 256 } as const;

/** IMAGE_FILE_HEADER with the signature before it. */
const COFF_HEADER = struct('IMAGE_FILE_HEADER')
  .field('signature', constant(u32le, 0x4550))
  .field('machine', u16le)
  .field('numberOfSections', u16le)
  .field('timeDateStamp', u32le)
  .field('pointerToSymbolTable', u32le)
  .field('numberOfSymbols', u32le)
  .field('sizeOfOptionalHeader', u16le)
  .field('characteristics', u16le);
const COFF_BYTES = 24;

/** IMAGE_OPTIONAL_HEADER up to its data directories: PE32 (0x10b) or PE32+ (0x20b). */
const OPTIONAL_HEADER = struct('IMAGE_OPTIONAL_HEADER')
  .field('magic', u16le)
  .field('versionsAndAddresses', bytes(58))
  .field('sizeOfHeaders', u32le)
  .field('checkSum', u32le)
  .field('stackAndHeap', (seen): Codec<Uint8Array> => bytes(seen.magic === PE32_PLUS ? 40 : 24))
  .field('numberOfRvaAndSizes', u32le);
const [PE32, PE32_PLUS] = [0x10b, 0x20b];
const CHECKSUM_AT = 64;

/** IMAGE_DATA_DIRECTORY. The security one, the fifth, gives a place in the file and no address. */
const DATA_DIRECTORY = struct('IMAGE_DATA_DIRECTORY').field('virtualAddress', u32le).field('size', u32le);
const SECURITY = 4;

/** IMAGE_SECTION_HEADER. */
const SECTION_HEADER = struct('IMAGE_SECTION_HEADER')
  .field('name', bytes(8))
  .field('virtualSize', u32le)
  .field('virtualAddress', u32le)
  .field('sizeOfRawData', u32le)
  .field('pointerToRawData', u32le)
  .field('relocationsAndLines', bytes(12))
  .field('characteristics', u32le);
const SECTION_BYTES = 40;

export interface PeSection {
  readonly name: string;
  readonly virtualSize: number;
  readonly rawOffset: number;
  readonly rawSize: number;
}

export interface PeImage {
  readonly bytes: Uint8Array;
  readonly headerSize: number;
  /** Places in the file that a signature leaves out. */
  readonly checkSumAt: number;
  readonly securityEntryAt?: number;
  /** The attribute certificate table: where signatures lie. */
  readonly certificates?: { readonly offset: number; readonly size: number };
  /** In the order of the section table. */
  readonly sections: readonly PeSection[];
}

export type ImageFault = Fault<'image-malformed'>;

/** Total and bounded: every input is an image or a fault. The bytes are not copied. */
export function parsePe(image: Uint8Array): Result<PeImage, ImageFault> {
  if (image.length > PE_LIMITS.bytes) return malformed(`${image.length} bytes, at most ${PE_LIMITS.bytes}`);
  if (image[0] !== 0x4d || image[1] !== 0x5a || image.length < 64) return malformed('no DOS header');
  const coffAt = new DataView(image.buffer, image.byteOffset, image.byteLength).getUint32(60, true);
  const coff = read(COFF_HEADER, image, coffAt, COFF_BYTES);
  if (!coff.ok) return coff;
  const { numberOfSections, sizeOfOptionalHeader } = coff.value;
  if (numberOfSections > PE_LIMITS.sections) return malformed(`${numberOfSections} sections`);
  const optionalAt = coffAt + COFF_BYTES;
  const optional = read(OPTIONAL_HEADER, image, optionalAt, sizeOfOptionalHeader);
  if (!optional.ok) return optional;
  const { magic, sizeOfHeaders, numberOfRvaAndSizes } = optional.value;
  if (magic !== PE32 && magic !== PE32_PLUS) return malformed(`optional header ${magic.toString(16)}`);
  const sectionsAt = optionalAt + sizeOfOptionalHeader;
  const table = read(listOf(numberOfSections, SECTION_HEADER), image, sectionsAt, numberOfSections * SECTION_BYTES);
  if (!table.ok) return table;
  if (sizeOfHeaders > image.length || sizeOfHeaders < sectionsAt + numberOfSections * SECTION_BYTES)
    return malformed(`headers of ${sizeOfHeaders} bytes`);
  const sections: PeSection[] = [];
  for (const { name, virtualSize, sizeOfRawData: rawSize, pointerToRawData: rawOffset } of table.value) {
    if (rawSize > 0 && rawOffset + rawSize > image.length) return malformed('a section goes beyond the file');
    sections.push({ name: nameOf(name), virtualSize, rawOffset, rawSize });
  }
  const common = { bytes: image, headerSize: sizeOfHeaders, checkSumAt: optionalAt + CHECKSUM_AT, sections };
  if (numberOfRvaAndSizes <= SECURITY) return ok(common);
  const securityEntryAt = optionalAt + (magic === PE32_PLUS ? 112 : 96) + SECURITY * 8;
  if (securityEntryAt + 8 > sectionsAt) return malformed('data directories beyond the optional header');
  const entry = read(DATA_DIRECTORY, image, securityEntryAt, 8);
  if (!entry.ok) return entry;
  const { virtualAddress: offset, size } = entry.value;
  if (offset + size > image.length) return malformed('signatures beyond the file');
  return ok({ ...common, securityEntryAt, ...(size > 0 && { certificates: { offset, size } }) });
}

/** The first section of that name. */
export function sectionOf(image: PeImage, name: string): PeSection | undefined {
  return image.sections.find((section) => section.name === name);
}

/** A section as it lies in memory: cut or filled with zeros to its virtual size. A fault where that is out of bounds. */
export function contentOfSection(image: PeImage, section: PeSection): Result<Uint8Array, ImageFault> {
  const { virtualSize, rawOffset, rawSize } = section;
  if (virtualSize > PE_LIMITS.bytes) return malformed(`${section.name} takes ${virtualSize} bytes`);
  const inFile = image.bytes.subarray(rawOffset, rawOffset + Math.min(rawSize, virtualSize));
  if (inFile.length === virtualSize) return ok(inFile);
  const content = new Uint8Array(virtualSize);
  content.set(inFile);
  return ok(content);
}

function read<T>(codec: Codec<T>, image: Uint8Array, at: number, length: number): Result<T, ImageFault> {
  const decoded = decodePrefix(codec, image.subarray(at, at + length));
  return decoded.ok ? ok(decoded.value.value) : malformed(decoded.fault.at ?? codec.name);
}

function nameOf(name: Uint8Array): string {
  const end = name.indexOf(0);
  return fromUtf8(end < 0 ? name : name.subarray(0, end)) ?? '';
}

export function malformed(detail: string) {
  return fail('image-malformed', detail);
}
