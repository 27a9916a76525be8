import { joined, layOut, padded, roundedUp } from './layout.ts';

/** Where the two sections of an application stand in memory, from the image's start: each in a page of its own. */
export const CODE_AT = 0x1000;
export const DATA_AT = 0x2000;
const PAGE = 0x1000;
const FILE_UNIT = 0x200;

/**
 * An application for UEFI on x86-64: a PE32+ file with code that cannot be written and data that cannot be executed. It
 * refers to itself by distances only, so it has no relocations and runs wherever the firmware loads it.
 * PE Format (Microsoft), "File Headers" to "Section Table"; UEFI 2.10, 2.1.1.
 */
export function peApplication(code: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer> {
  if (code.length > DATA_AT - CODE_AT) throw new RangeError(`${code.length} bytes of code, at most one page`);
  const [text, initialized] = [padded(code, FILE_UNIT), padded(data, FILE_UNIT)];
  const headers = layOut([
    ['e_magic', 2, 'MZ'],
    ['e_cblp to e_ovno and reserved', 58, new Uint8Array(58)], // for DOS only
    ['e_lfanew', 4, 0x40], // what follows

    ['Signature', 4, 'PE\0\0'],
    ['Machine', 2, 0x8664],
    ['NumberOfSections', 2, 2],
    ['TimeDateStamp', 4, 0], // the same options give the same bytes
    ['PointerToSymbolTable', 4, 0],
    ['NumberOfSymbols', 4, 0],
    ['SizeOfOptionalHeader', 2, 240],
    ['Characteristics', 2, 0x0022], // executable, handles addresses beyond 2 GB

    ['Magic', 2, 0x20b], // PE32+
    ['LinkerVersion', 2, 0],
    ['SizeOfCode', 4, text.length],
    ['SizeOfInitializedData', 4, initialized.length],
    ['SizeOfUninitializedData', 4, 0],
    ['AddressOfEntryPoint', 4, CODE_AT],
    ['BaseOfCode', 4, CODE_AT],
    ['ImageBase', 8, 0],
    ['SectionAlignment', 4, PAGE],
    ['FileAlignment', 4, FILE_UNIT],
    ['OperatingSystemVersion', 4, 0],
    ['ImageVersion', 4, 0],
    ['SubsystemVersion', 4, 0],
    ['Win32VersionValue', 4, 0],
    ['SizeOfImage', 4, DATA_AT + roundedUp(data.length, PAGE)],
    ['SizeOfHeaders', 4, FILE_UNIT],
    ['CheckSum', 4, 0],
    ['Subsystem', 2, 10], // EFI application
    ['DllCharacteristics', 2, 0x0100], // NX compatible: works where memory is writable or executable, never both
    ['SizeOfStackReserve', 8, 0],
    ['SizeOfStackCommit', 8, 0],
    ['SizeOfHeapReserve', 8, 0],
    ['SizeOfHeapCommit', 8, 0],
    ['LoaderFlags', 4, 0],
    ['NumberOfRvaAndSizes', 4, 16],
    ['DataDirectory', 128, new Uint8Array(128)], // the fifth is where a signature goes

    ...section('.text', CODE_AT, code.length, text.length, FILE_UNIT, 0x60000020), // code, execute, read
    ...section('.data', DATA_AT, data.length, initialized.length, FILE_UNIT + text.length, 0xc0000040), // data, read, write
  ]);
  return joined([padded(headers, FILE_UNIT), text, initialized]);
}

const section = (name: string, address: number, size: number, fileSize: number, fileOffset: number, flags: number) =>
  [
    ['Name', 8, name.padEnd(8, '\0')],
    ['VirtualSize', 4, size],
    ['VirtualAddress', 4, address],
    ['SizeOfRawData', 4, fileSize],
    ['PointerToRawData', 4, fileOffset],
    ['PointerToRelocations', 4, 0],
    ['PointerToLinenumbers', 4, 0],
    ['NumberOfRelocations', 2, 0],
    ['NumberOfLinenumbers', 2, 0],
    ['Characteristics', 4, flags],
  ] as const;
