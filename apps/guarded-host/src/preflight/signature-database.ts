import { equal } from '@sekimori/bytes';
import { bytes, decodePrefix, struct, u32le } from '@sekimori/codec';
import { guidText } from '@sekimori/event-log';

// db and dbx: EFI_SIGNATURE_LIST one after the other. UEFI 2.10, 32.4.1.

/** How an entry names what it allows or forbids. */
const TYPES = {
  'a5c059a1-94e4-4aa7-87b5-ab155c2bf072': 'certificate',
  'c1c41626-504c-4092-aca9-41f936934328': 'image-sha256',
  '3bd2a492-96c0-4079-b420-fcf98ef103ed': 'certificate-sha256',
} as const;
type SignatureType = (typeof TYPES)[keyof typeof TYPES] | 'other';

export interface DatabaseEntry {
  readonly type: SignatureType;
  /** Certificate (DER), or digest; behind that of a certificate stands the time since when it is revoked. */
  readonly data: Uint8Array;
  /** EFI_SIGNATURE_DATA: the owner's GUID, then the data. This is what firmware measures of an entry that it used. */
  readonly signatureData: Uint8Array;
}

/** Length of the owner's GUID. */
export const OWNER_BYTES = 16;

const SIGNATURE_LIST_HEADER = struct('EFI_SIGNATURE_LIST')
  .field('signatureType', bytes(16))
  .field('signatureListSize', u32le)
  .field('signatureHeaderSize', u32le)
  .field('signatureSize', u32le);
const HEADER_BYTES = 28;

/** The entries in order; undefined where the bytes are not lists, which firmware takes for nothing allowed. */
export function databaseEntries(value: Uint8Array): readonly DatabaseEntry[] | undefined {
  const entries: DatabaseEntry[] = [];
  for (let left = value; left.length > 0; ) {
    const header = decodePrefix(SIGNATURE_LIST_HEADER, left.subarray(0, HEADER_BYTES));
    if (!header.ok) return undefined;
    const { signatureType, signatureListSize, signatureHeaderSize, signatureSize } = header.value.value;
    const first = HEADER_BYTES + signatureHeaderSize;
    if (signatureListSize > left.length || first > signatureListSize || signatureSize <= OWNER_BYTES) return undefined;
    if ((signatureListSize - first) % signatureSize !== 0) return undefined;
    for (let at = first; at < signatureListSize; at += signatureSize) {
      const signatureData = left.subarray(at, at + signatureSize);
      entries.push({ type: typeOf(signatureType), data: signatureData.subarray(OWNER_BYTES), signatureData });
    }
    left = left.subarray(signatureListSize);
  }
  return entries;
}

/** The entry for an image digest (SHA-256). */
export function entryOfDigest(entries: readonly DatabaseEntry[], digest: Uint8Array): DatabaseEntry | undefined {
  return entries.find((entry) => entry.type === 'image-sha256' && equal(entry.data, digest));
}

function typeOf(guid: Uint8Array): SignatureType {
  const text = guidText(guid);
  return Object.hasOwn(TYPES, text) ? TYPES[text as keyof typeof TYPES] : 'other';
}
