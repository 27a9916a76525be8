import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FAULTS } from '../src/index.ts';

const rows = readFileSync(new URL('../../../docs/faults.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\| `[a-z-]+` \| \d/.test(line));

it('docs/faults.md lists exactly the codes of the native API, with status, meaning and what to do', () => {
  const expected = Object.entries(FAULTS).map(
    ([code, { status, means, todo }]) => `| \`${code}\` | ${status} | ${means} | ${todo} |`,
  );
  expect(rows).toEqual(expected);
});
