import { concat } from '@sekimori/bytes';
import type { Crypto, HashName } from '@sekimori/crypto-core';
import { ok, type Result } from '@sekimori/result';
import { type ImageFault, malformed, type PeImage } from './pe.ts';

/**
 * What firmware measures of an image and what its signatures are over. Windows Authenticode Portable Executable Signature
 * Format, "Calculating the PE Image Hash", as EDK II does it: all but the check sum, the entry of the signatures, and these
 * themselves; sections in the order of the file. A fault where sections overlap: no firmware takes such an image.
 */
export function authenticodeDigest(
  crypto: Pick<Crypto, 'hash'>,
  bank: HashName,
  image: PeImage,
): Result<Uint8Array, ImageFault> {
  const { bytes, headerSize, checkSumAt, securityEntryAt, certificates } = image;
  const parts =
    securityEntryAt === undefined
      ? [bytes.subarray(0, checkSumAt), bytes.subarray(checkSumAt + 4, headerSize)]
      : [
          bytes.subarray(0, checkSumAt),
          bytes.subarray(checkSumAt + 4, securityEntryAt),
          bytes.subarray(securityEntryAt + 8, headerSize),
        ];
  let summed = headerSize;
  for (const { rawOffset, rawSize } of image.sections.toSorted((a, b) => a.rawOffset - b.rawOffset)) {
    if (rawSize === 0) continue;
    summed += rawSize;
    if (summed > bytes.length) return malformed('sections overlap');
    parts.push(bytes.subarray(rawOffset, rawOffset + rawSize));
  }
  const behind = bytes.length - summed - (certificates?.size ?? 0);
  if (behind < 0) return malformed('signatures overlap sections');
  parts.push(bytes.subarray(summed, summed + behind));
  return ok(crypto.hash(bank, concat(...parts)));
}
