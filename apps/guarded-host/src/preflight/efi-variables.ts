import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { concat } from '@sekimori/bytes';
import { encode, u64le } from '@sekimori/codec';
import { guidBytes } from '@sekimori/event-log';

/** The variables of the firmware as they are now. */
export interface EfiVariables {
  /** Without the attributes; undefined where there is none. */
  read(guid: string, name: string): Promise<Uint8Array | undefined>;
  /** 'Name-GUID' of all. */
  names(): Promise<readonly string[]>;
}

const ATTRIBUTES = 4;
/** Firmware keeps some tens of KiB in each; dbx is the largest. */
const MAX_VARIABLE = 1024 * 1024;

/** Linux' efivarfs: one file each, the attributes first. Undefined where the folder is not there or empty. */
export async function efiVariables(folder: string): Promise<EfiVariables | undefined> {
  const names = await readdir(folder).catch((): string[] => []);
  if (names.length === 0) return undefined;
  return {
    names: async () => names,
    async read(guid, name) {
      if (!names.includes(`${name}-${guid}`)) return undefined;
      const path = join(folder, `${name}-${guid}`);
      const isFile = await lstat(path).then(
        (found) => found.isFile(),
        () => false,
      );
      if (!isFile) return undefined;
      const file = await open(path, 'r');
      try {
        // efivarfs wants to be read in one piece, and its sizes are right
        const { size } = await file.stat();
        const buffer = new Uint8Array(Math.min(size, MAX_VARIABLE));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
        return bytesRead < ATTRIBUTES ? undefined : buffer.subarray(ATTRIBUTES, bytesRead);
      } finally {
        await file.close();
      }
    },
  };
}

/** UEFI_VARIABLE_DATA: what firmware measures of a variable. PFP 1.06, 10.2.6. */
export function variableData(guid: string, name: string, value: Uint8Array): Uint8Array {
  const lengths = [name.length, value.length].map((length) => encode(u64le, BigInt(length)));
  return concat(guidBytes(guid), ...lengths, utf16(name), value);
}

/** UTF-16LE without a NUL. */
export function utf16(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'utf16le'));
}

/** The text up to the first NUL. */
export function fromUtf16(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, bytes.length & ~1)).toString('utf16le');
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}
