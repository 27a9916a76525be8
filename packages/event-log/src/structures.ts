import {
  blob,
  bytes,
  type Codec,
  constant,
  decode,
  type Infer,
  list,
  mapped,
  rest,
  struct,
  u16le,
  u32le,
  u64le,
  u8,
} from '@sekimori/codec';
import { concat, fromHex, fromUtf8, stripTrailingZeros, toHex, utf8 } from '@sekimori/bytes';
import { algorithmOf } from './algorithms.ts';

/**
 * What a log may hold at most; a limit is checked before anything is taken. Recorded boots have some hundreds of events and
 * less than 100 KiB; what is beyond the limits costs the verifier time and shows nothing.
 */
export const LOG_LIMITS = { bytes: 1 << 20, events: 4096, eventBytes: 1 << 20, algorithms: 16, pcrs: 24 } as const;

/** TCG_PCR_EVENT, the SHA-1 record, also always the first one. PFP 1.06, 10.2.1. */
export const TCG_PCR_EVENT = struct('TCG_PCR_EVENT')
  .field('pcrIndex', u32le)
  .field('eventType', u32le)
  .field('digest', bytes(20))
  .field('event', blob(u32le, LOG_LIMITS.eventBytes));

const ALGORITHM_SIZE = mapped(
  struct('TCG_EfiSpecIdEventAlgorithmSize').field('algorithmId', u16le).field('digestSize', u16le),
  'unknown algorithm, or a size that is not its own',
  (wire) => {
    const algorithm = algorithmOf(wire.algorithmId);
    return algorithm?.size === wire.digestSize ? { id: wire.algorithmId, ...algorithm } : undefined;
  },
  (algorithm) => ({ algorithmId: algorithm.id, digestSize: algorithm.size }),
);

export const SPEC_ID_EVENT03 = utf8('Spec ID Event03\0');

/** TCG_EfiSpecIDEvent: the header of a crypto-agile log; the vendor information follows. PFP 1.06, 10.4.5.1. */
export const TCG_SPEC_ID_EVENT = struct('TCG_EfiSpecIDEvent')
  .field('signature', bytes(16))
  .field('platformClass', u32le) // 0 client, 1 server
  .field('specVersionMinor', u8)
  .field('specVersionMajor', constant(u8, 2))
  .field('specErrata', u8)
  .field('uintnSize', u8) // 1: 32 bit, 2: 64 bit
  .field('algorithms', list(u32le, LOG_LIMITS.algorithms, ALGORITHM_SIZE))
  .field('vendorInfoSize', u8);

export type SpecIdEvent = Infer<typeof TCG_SPEC_ID_EVENT>;

const GUID: Codec<string> = mapped(bytes(16), 'not a GUID', guidText, guidBytes);

/** A GUID as text, from 16 bytes: the first three fields are little-endian on the wire. UEFI 2.10, appendix A. */
export function guidText(wire: Uint8Array): string {
  const part = (from: number, to: number) => toHex(wire.slice(from, to));
  const swapped = (from: number, to: number) => toHex(wire.slice(from, to).toReversed());
  return `${swapped(0, 4)}-${swapped(4, 6)}-${swapped(6, 8)}-${part(8, 10)}-${part(10, 16)}`;
}

/** Throws on what is no GUID in lower case. */
export function guidBytes(text: string): Uint8Array {
  const hex = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? fromHex(text.replaceAll('-', '')) : undefined;
  if (!hex) throw new RangeError(`not a GUID: ${text}`);
  const swapped = (from: number, to: number) => hex.slice(from, to).toReversed();
  return concat(swapped(0, 4), swapped(4, 6), swapped(6, 8), hex.slice(8));
}

/** HARDDRIVE_DEVICE_PATH behind its header. Signature type 1: MBR, 2: GPT. UEFI 2.10, 10.3.5.1. */
export const HARD_DRIVE_NODE = struct('HARDDRIVE_DEVICE_PATH')
  .field('partitionNumber', u32le)
  .field('partitionStart', u64le)
  .field('partitionSize', u64le)
  .field('partitionSignature', bytes(16))
  .field('partitionFormat', u8)
  .field('signatureType', u8);

/** UEFI_VARIABLE_DATA. PFP 1.06, 10.2.6. Lengths: CHAR16 units without NUL, then bytes. */
export const UEFI_VARIABLE_DATA = struct('UEFI_VARIABLE_DATA')
  .field('variableName', GUID)
  .field('unicodeNameLength', u64le)
  .field('variableDataLength', u64le)
  .field('unicodeName', (seen) => utf16(seen.unicodeNameLength))
  .field('variableData', (seen) => bytes(Number(seen.variableDataLength)));

/** UEFI_IMAGE_LOAD_EVENT. PFP 1.06, 10.2.3. Nothing in it is covered by the digest. */
export const UEFI_IMAGE_LOAD_EVENT = struct('UEFI_IMAGE_LOAD_EVENT')
  .field('imageLocationInMemory', u64le)
  .field('imageLengthInMemory', u64le)
  .field('imageLinkTimeAddress', u64le)
  .field('lengthOfDevicePath', u64le)
  .field('devicePath', rest(LOG_LIMITS.eventBytes));

/** UEFI_PLATFORM_FIRMWARE_BLOB. PFP 1.06, 10.2.4. */
export const UEFI_PLATFORM_FIRMWARE_BLOB = struct('UEFI_PLATFORM_FIRMWARE_BLOB')
  .field('blobBase', u64le)
  .field('blobLength', u64le);

/** TCG_PCClientTaggedEvent. PFP 1.06, 10.4.2.1. */
export const TAGGED_EVENT = struct('TCG_PCClientTaggedEvent')
  .field('taggedEventId', u32le)
  .field('taggedEventData', blob(u32le, LOG_LIMITS.eventBytes));

/** Undefined where the bytes are not this structure, or something follows it. */
export function read<T>(codec: Codec<T>, data: Uint8Array): T | undefined {
  const decoded = decode(codec, data);
  return decoded.ok ? decoded.value : undefined;
}

const utf16Decoder = new TextDecoder('utf-16le', { fatal: true, ignoreBOM: true });

/** UTF-16LE text without its final NULs; undefined for an odd length or broken surrogates. */
export function fromUtf16(data: Uint8Array): string | undefined {
  try {
    return utf16Decoder.decode(data).replace(/\0+$/, '');
  } catch {
    return undefined;
  }
}

/** ASCII text, printable, without its final NULs. */
export function printable(data: Uint8Array): string | undefined {
  const text = stripTrailingZeros(data);
  if (text.length === 0) return undefined;
  return text.every(isPrintable) ? fromUtf8(text) : undefined;
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte <= 0x7e) || byte === 9 || byte === 10 || byte === 13;
}

function utf16(units: bigint): Codec<string> {
  return mapped(
    bytes(2 * Number(units)),
    'not UTF-16',
    (wire) => fromUtf16(wire),
    () => {
      throw new Error('names are only read');
    },
  );
}
