import { concat, u32be, utf8 } from '@sekimori/bytes';

/** lv(x) = length of x as 4 bytes, big-endian, then x: so that joined parts can be told apart. */
export function lv(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concat(...parts.flatMap((part) => [u32be(part.length), part]));
}

/** Each use of a key has its own label; all begin with the profile. */
export const LABEL = {
  wrapping: utf8('sekimori-1 transport key'),
  transportKeySignature: utf8('sekimori-1 transport key signature'),
} as const;
