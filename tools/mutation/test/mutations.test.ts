import { describe, expect, it } from 'vitest';
import { mutated, sourceOf } from '../src/checkout.ts';
import { ELSEWHERE, type Mutation, MUTATIONS, POINTS } from '../src/mutations.ts';

describe('the list of mutations', () => {
  it.each(MUTATIONS.map((mutation) => [mutation.point, mutation.file, mutation.lost, mutation] as const))(
    '%s: %s has the check of: %s',
    (_point, _file, _lost, mutation) => {
      const source = sourceOf(mutation);
      expect(mutated(source, mutation)).not.toBe(source);
    },
  );
  it('names each check once', () => {
    const names = MUTATIONS.map(({ file, text, replacement }) => `${file} ${text} ${replacement}`);
    expect(new Set(names).size).toBe(names.length);
  });
  it('has each point of the checklist that a verifier of quotes can check, and says who has the others', () => {
    const covered = new Set(MUTATIONS.map(({ point }) => String(point)));
    covered.delete('more');
    expect([...covered].toSorted()).toEqual(Object.keys(POINTS).toSorted());
    const all = [...Object.keys(POINTS), ...Object.keys(ELSEWHERE)].map(Number).toSorted((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
  });
  it.each([
    ['is gone', 'b', '0 times'],
    ['is there twice', 'a', '2 times'],
  ])('is out of date where a text %s', (_, text, message) => {
    const mutation: Mutation = { point: 1, lost: 'x', file: 'x.ts', text, replacement: '' };
    expect(() => mutated('a a', mutation)).toThrow(message);
  });
});
