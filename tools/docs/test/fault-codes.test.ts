import { describe, expect, it } from 'vitest';
import { codesInSource, documentedCodes, LIBRARIES } from '../src/fault-codes.ts';

/** Named by a type, and never seen outside: quote-verifier makes an `…-weak` of its own out of it. */
const INTERNAL = new Set(['weak']);

const documented = documentedCodes();
const everywhere = new Set([...documented.values()].flat());

describe('docs/faults.md', () => {
  it.each(LIBRARIES)('lists what the types of %s name, each once', (library) => {
    const declared = [...codesInSource(library).declared].filter((code) => !INTERNAL.has(code));
    expect(documented.get(library)?.toSorted() ?? []).toEqual(declared.toSorted());
  });

  it.each(LIBRARIES)('lists, there or below another package, what %s returns', (library) => {
    const missing = [...codesInSource(library).returned].filter((code) => !everywhere.has(code) && !INTERNAL.has(code));
    expect(missing).toEqual([]);
  });

  it('has a table for no other package', () => {
    expect([...documented.keys()].filter((name) => !LIBRARIES.some((library) => library === name))).toEqual([]);
  });
});
