import { portableCrypto } from '@sekimori/crypto-core/portable';
import { outcomesOf, type QuoteCase } from './browser-cases.ts';
import { check, make, type Made } from './browser-operations.ts';

/** What the page offers to the test, which calls it from outside. */
export const page = {
  outcomes: (cases: readonly QuoteCase[]) => cases.map((each) => outcomesOf(portableCrypto, each)),
  make: () => make(portableCrypto),
  check: (made: readonly Made[]) => check(portableCrypto, made),
};
Object.assign(globalThis, { page });
