import { fromHex, toHex } from '@sekimori/bytes';
import { bytes, type Codec, mapped } from '@sekimori/codec';

declare const vmId: unique symbol;
/** A UUID in lower case, RFC 9562: names a VM for its whole life, whatever its folder is called. */
export type VmId = string & { readonly [vmId]: true };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Undefined for what is no UUID in lower case. */
export function parseVmId(text: string): VmId | undefined {
  return UUID.test(text) ? (text as VmId) : undefined;
}

/** Its 16 bytes. */
export const VM_ID: Codec<VmId> = mapped(
  bytes(16),
  'not a UUID',
  (wire) => toHex(wire).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') as VmId,
  (id) => fromHex(id.replaceAll('-', '')) ?? new Uint8Array(0),
);
