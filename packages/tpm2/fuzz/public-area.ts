import { decode, encode } from '@sekimori/codec';
import { TPM2B_PUBLIC } from '../src/index.ts';

/** Whatever reads also writes again, to the same bytes. */
export default function fuzz(bytes: Uint8Array): void {
  const decoded = decode(TPM2B_PUBLIC, bytes);
  if (decoded.ok && encode(TPM2B_PUBLIC, decoded.value).length !== bytes.length)
    throw new Error('read and written differ');
}
