import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { HOST_FAULTS } from '../src/index.ts';

it('the README lists the faults there are, and no other', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const listed = [...readme.slice(readme.indexOf('## Faults')).matchAll(/^\| `([a-z-]+)` \|/gm)].map(
    ([, code]) => code,
  );
  expect(new Set(listed)).toEqual(new Set(Object.keys(HOST_FAULTS)));
});
