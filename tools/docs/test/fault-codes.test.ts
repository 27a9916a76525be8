import { describe, expect, it } from 'vitest';
import { codesInSource, documented, LIBRARIES, PROGRAMS, type Program, subStatuses } from '../src/fault-codes.ts';

/** `weak`: quote-verifier makes an `…-weak` of its own out of it. The others: outcomes that are no faults. */
const NO_FAULTS = new Set(['weak', 'good', 'passed']);

const { native, libraries, programs, subStatuses: documentedNames } = documented();
const everywhere = new Set([...native, ...[...libraries.values(), ...programs.values()].flat()]);
const programNames = Object.keys(PROGRAMS) as Program[];

/** Compares, and says which rows to add and to remove. */
function expectRows(
  table: string,
  listed: readonly string[],
  { all, known = all }: { all: Iterable<string>; known?: Iterable<string> },
) {
  const missing = [...new Set(all)].filter((code) => !listed.includes(code));
  const tooMany = listed.filter((code, at) => !new Set(known).has(code) || listed.indexOf(code) !== at);
  const advice = [
    ...missing.map((code) => `add to docs/faults.md, ${table}: | \`${code}\` | … |`),
    ...tooMany.map((code) => `remove from docs/faults.md, ${table}: \`${code}\``),
  ];
  expect(advice).toEqual([]);
}

describe('docs/faults.md', () => {
  it.each(LIBRARIES)('lists what the types of %s name, each once', (library) => {
    const all = [...codesInSource(`packages/${library}`).declared].filter((code) => !NO_FAULTS.has(code));
    expectRows(library, libraries.get(library) ?? [], { all });
  });

  it.each(LIBRARIES)('lists, there or with another package, what %s returns', (library) => {
    const { returned } = codesInSource(`packages/${library}`);
    expectRows(library, [...everywhere, ...NO_FAULTS], { all: returned, known: [...everywhere, ...NO_FAULTS] });
  });

  it.each(programNames)('lists what %s stops with, where no other table has it', (program) => {
    const { declared, returned, literals } = codesInSource(PROGRAMS[program]);
    const own = programs.get(program) ?? [];
    const elsewhere = new Set([...everywhere, ...NO_FAULTS]);
    for (const code of own) elsewhere.delete(code);
    const all = [...declared, ...returned].filter((code) => !elsewhere.has(code));
    expectRows(program, own, { all, known: literals });
  });

  it('lists every sub-status of a verdict', () =>
    expectRows('Sub-status of a verdict', documentedNames, { all: subStatuses() }));

  it('has a table for nothing else', () => {
    const known: readonly string[] = [...LIBRARIES, ...programNames];
    expect([...libraries.keys(), ...programs.keys()].filter((name) => !known.includes(name))).toEqual([]);
  });
});
