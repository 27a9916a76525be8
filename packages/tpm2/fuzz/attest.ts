import { decode, encode } from '@sekimori/codec';
import { TPMS_ATTEST } from '../src/index.ts';

/** What reads is written again in one form (a PCR bitmap may have come longer or shorter), and that reads too. */
export default function fuzz(bytes: Uint8Array): void {
  const decoded = decode(TPMS_ATTEST, bytes);
  if (decoded.ok && !decode(TPMS_ATTEST, encode(TPMS_ATTEST, decoded.value)).ok) throw new Error('it reads once only');
}
