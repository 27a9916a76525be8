import { decode, encode } from '@sekimori/codec';
import { TPMT_SIGNATURE } from '../src/index.ts';

/** Whatever reads also writes again, to the same bytes. */
export default function fuzz(bytes: Uint8Array): void {
  const decoded = decode(TPMT_SIGNATURE, bytes);
  if (decoded.ok && encode(TPMT_SIGNATURE, decoded.value).length !== bytes.length)
    throw new Error('read and written differ');
}
