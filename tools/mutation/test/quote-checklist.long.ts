import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Checkout } from '../src/checkout.ts';
import { MUTATIONS } from '../src/mutations.ts';

describe('each check of the quote checklist is missed by a test when it is lost', () => {
  let checkout: Checkout;
  beforeAll(() => {
    checkout = new Checkout();
  });
  afterAll(() => checkout.close());

  it('with all checks in place the tests pass', () => {
    const { passed, output } = checkout.test();
    expect(passed, output).toBe(true);
  });
  it.each(MUTATIONS.map((mutation) => [mutation.point, mutation.file, mutation.lost, mutation] as const))(
    '%s: %s without: %s',
    (_point, _file, _lost, mutation) => {
      const { passed, output } = checkout.with(mutation, () => checkout.test());
      expect(output).toMatch(/Tests .*failed|FAIL/); // not merely a run that could not begin
      expect(passed).toBe(false);
    },
  );
});
