/** What a challenge asks for: all that a boot extends, but IMA's register. */
export const QUOTED_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14] as const;

/** IMA's register grows as programs run: no key can depend on it. */
export const GROWING_PCR = 10;
