import { utf8 } from '@sekimori/bytes';

/** Each use of a key has its own label; all begin with the profile. */
export const LABEL = {
  wrapping: utf8('sekimori-1 transport key'),
  transportKeySignature: utf8('sekimori-1 transport key signature'),
} as const;
