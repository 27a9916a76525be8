import { fromHex } from '@sekimori/bytes';

/** A GUID as UEFI stores it: the first three fields are little-endian. UEFI 2.10, appendix A. Throws on what is no GUID. */
export function guidBytes(text: string): Uint8Array {
  const hex = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? fromHex(text.replaceAll('-', '')) : undefined;
  if (!hex) throw new RangeError(`not a GUID: ${text}`);
  const swapped = (from: number, to: number) => [...hex.subarray(from, to)].toReversed();
  return Uint8Array.from([...swapped(0, 4), ...swapped(4, 6), ...swapped(6, 8), ...hex.subarray(8)]);
}

export const EFI_GLOBAL_VARIABLE = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
export const EFI_IMAGE_SECURITY_DATABASE = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';
/** Of shim: MokList and its kin. */
export const SHIM_LOCK = '605dab50-e046-4300-abb6-3dd810dd8b23';
/** Of systemd-boot and systemd-stub. */
export const LOADER = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';
