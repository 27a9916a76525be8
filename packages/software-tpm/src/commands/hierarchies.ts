import { stripTrailingZeros } from '@sekimori/bytes';
import { hashLength, Secret } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { handler } from '../handler.ts';
import { inParameter, RC } from '../response-codes.ts';

/** The largest digest. */
const MAX_AUTH = hashLength('sha512');

export const hierarchies = {
  /** Part 3, 24.8. The response is keyed with the new value. */
  HierarchyChangeAuth: handler<'HierarchyChangeAuth'>()({
    handles: ['authorizable'],
    run: (_machine, [{ hierarchy }], { newAuth }) => {
      if (newAuth.length > MAX_AUTH) return inParameter(1, RC.size);
      hierarchy.auth = new Secret(stripTrailingZeros(newAuth));
      return ok({ response: {} });
    },
  }),
  /** Part 3, 24.6. */
  Clear: handler<'Clear'>()({
    handles: ['clearing'],
    run: (machine) => {
      machine.clear();
      return ok({ response: {} });
    },
  }),
  /** Part 3, 25.2. Nothing is ever locked out here, so there is nothing to reset. */
  DictionaryAttackLockReset: handler<'DictionaryAttackLockReset'>()({
    handles: ['lockout'],
    run: () => ok({ response: {} }),
  }),
};
