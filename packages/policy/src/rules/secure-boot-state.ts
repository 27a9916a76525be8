import type { Rule } from '../rule.ts';

/** Secure Boot was on, where the policy requires it. `unknown` is not on. Microsoft: Hgs_SecureBootEnabled. */
export const secureBootState: Rule = {
  id: 'secure-boot-state',
  check: ({ facts, log }, { policy }) => {
    const { state, events } = facts.secureBoot;
    if (policy.secureBoot === 'not-required' || state === 'on') return [];
    const variable = log.events.find((event) => event.index === events[0]);
    return [
      {
        rule: 'secure-boot-state',
        effect: 'refuse',
        subStatus: 'SecureBoot',
        detail: variable
          ? `Secure Boot is ${state}: event ${variable.index} of PCR 7`
          : `Secure Boot is ${state}: PCR 7 shows no such state`,
        pcr: 7,
        expected: 'on',
        actual: state,
      },
    ];
  },
};
