import { concat, fromHex, utf8 } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { EV } from '@sekimori/event-log';
import { boot } from '@sekimori/testkit';

// Event logs as firmware writes them, SHA-256 alone: the header is that of a recorded boot.

export interface Measured {
  readonly pcr: number;
  readonly type: number;
  readonly data: Uint8Array;
  readonly digest: Uint8Array;
}

const sha256 = (data: Uint8Array | string): Uint8Array =>
  crypto.hash('sha256', typeof data === 'string' ? utf8(data) : data);

/** The digest is that of the data. */
export function hashed(pcr: number, type: number, data: Uint8Array | string): Measured {
  const bytes = typeof data === 'string' ? utf8(data) : data;
  return { pcr, type, data: bytes, digest: sha256(bytes) };
}

export function labelled(pcr: number, type: number, data: Uint8Array, measured: Uint8Array | string): Measured {
  return { pcr, type, data, digest: sha256(measured) };
}

export function bootLog(events: readonly Measured[]): Uint8Array {
  const header = boot('uki-snakeoil');
  const size = 32 + new DataView(header.buffer, header.byteOffset).getUint32(28, true);
  return concat(header.subarray(0, size), ...events.map(encoded));
}

function encoded({ pcr, type, digest, data }: Measured): Uint8Array {
  return concat(u32(pcr), u32(type), u32(1), Uint8Array.of(0x0b, 0), digest, u32(data.length), data);
}

/** PCR values that these events give. */
export function extended(events: readonly Measured[], pcr: number): Uint8Array {
  let value: Uint8Array = new Uint8Array(32);
  for (const event of events) if (event.pcr === pcr) value = sha256(concat(value, event.digest));
  return value;
}

export const u32 = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
export const wide = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'utf16le'));

export const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
export const SECURITY = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';
export const SHIM = '605dab50-e046-4300-abb6-3dd810dd8b23';

/** UEFI_VARIABLE_DATA. */
export function variable(guid: string, name: string, value: Uint8Array): Uint8Array {
  const length = (n: number) => concat(u32(n), u32(0));
  return concat(guidOf(guid), length(name.length), length(value.length), wide(name), value);
}

export function guidOf(text: string): Uint8Array {
  const [a, b, c, d, e] = text.split('-').map((part) => fromHex(part)!);
  return concat(a!.toReversed(), b!.toReversed(), c!.toReversed(), d!, e!);
}

/** UEFI_IMAGE_LOAD_EVENT of a file, on the partition where one is given. */
export function imageLoaded(path: string | undefined, partition?: string): Uint8Array {
  const node = (type: number, subtype: number, content: Uint8Array) =>
    concat(Uint8Array.of(type, subtype, content.length + 4, 0), content);
  const drive = concat(u32(1), new Uint8Array(16), guidOf(partition ?? GLOBAL), Uint8Array.of(2, 2));
  const devicePath = concat(
    ...(partition === undefined ? [] : [node(4, 1, drive)]),
    ...(path === undefined ? [] : [node(4, 4, wide(`${path}\0`))]),
    ...(path === undefined ? [] : [Uint8Array.of(0x7f, 0xff, 4, 0)]),
  );
  return concat(new Uint8Array(24), u32(devicePath.length), u32(0), devicePath);
}

export const SEPARATORS: readonly Measured[] = [0, 1, 2, 3, 4, 5, 6].map((pcr) =>
  hashed(pcr, EV.EV_SEPARATOR, new Uint8Array(4)),
);
