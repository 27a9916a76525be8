import { fromUtf8, u32be } from '@sekimori/bytes';
import { XML_LIMITS } from './xml/element.ts';

/**
 * Drops what Windows puts before the XML of a protector: four bytes of total length, big-endian, counting themselves (the
 * CIM OctetString form, in which `00 00 00 04` is «no protector»).
 */
export function unframed(bytes: Uint8Array): Uint8Array {
  const framed = bytes.length >= 4 && bytes[0] === 0 && u32be(bytes.length).every((byte, at) => byte === bytes[at]);
  return framed ? bytes.subarray(4) : bytes;
}

/**
 * The bytes of a protector file: as they are, or, where the file is text with one decimal number a line, what PowerShell's
 * `Out-File` makes of a byte array (UTF-16 with a byte-order mark, or ASCII). Undefined when such a text holds another thing
 * than bytes or is larger than a protector may be.
 */
export function protectorFileBytes(file: Uint8Array): Uint8Array | undefined {
  const isUtf16 = file[0] === 0xff && file[1] === 0xfe;
  if (!isUtf16 && !isDigit(file[0])) return file;
  // a byte takes at most three digits and a line end
  if (file.length > (isUtf16 ? 10 : 5) * XML_LIMITS.bytes) return undefined;
  const text = isUtf16 ? utf16Text(file.subarray(2)) : fromUtf8(file);
  const numbers = text?.trim().split(/[\r\n]+/) ?? [];
  const isBytes = numbers.length > 0 && numbers.every((number) => /^\d{1,3}$/.test(number) && Number(number) < 256);
  return isBytes ? Uint8Array.from(numbers, Number) : undefined;
}

function utf16Text(bytes: Uint8Array): string | undefined {
  if (bytes.length % 2 !== 0) return undefined;
  return new TextDecoder('utf-16le').decode(bytes);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
