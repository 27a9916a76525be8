import type { Rule } from '../rule.ts';

/**
 * TPMS_CLOCK_INFO.safe: the clock was not written to the TPM's memory before its last start, so it may have gone back. Normal after
 * a loss of power, and gone within hours. TPM 2.0 Part 1, 36.3.
 */
export const clockSafe: Rule = {
  id: 'clock-safe',
  check: ({ quote }) =>
    quote.clock.safe
      ? []
      : [
          {
            rule: 'clock-safe',
            effect: 'remark',
            subStatus: 'TpmClock',
            detail: 'the TPM cannot rule out that its clock went back: it was not shut down in order',
          },
        ],
};
