import type { Rule } from '../rule.ts';

/**
 * A kernel that another kernel started leaves no trace in these PCRs, and no fact of the boot log rules it out: `measured` says
 * so with every Verdict.
 */
export const kexecPossible: Rule = {
  id: 'kexec-possible',
  check: () => [
    {
      rule: 'kexec-possible',
      effect: 'remark',
      subStatus: 'KexecPossible',
      detail: 'nothing measured rules out that another kernel was started since',
    },
  ],
};
