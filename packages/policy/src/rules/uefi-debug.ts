import type { Rule } from '../rule.ts';

/** A firmware that can be debugged vouches for nothing. Never optional. Microsoft: Hgs_UefiDebugDisabled. */
export const uefiDebug: Rule = {
  id: 'uefi-debug',
  check: ({ facts }) => {
    const { state, events } = facts.debugMode;
    if (state === 'off') return [];
    return [
      {
        rule: 'uefi-debug',
        effect: 'refuse',
        subStatus: 'DebugMode',
        detail: `the firmware measured its debug mode: event ${events.join(', ')} of PCR 7`,
        pcr: 7,
        expected: 'off',
        actual: state,
      },
    ];
  },
};
