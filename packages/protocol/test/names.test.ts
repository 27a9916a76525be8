import { expect, it } from 'vitest';
import { attestationRoutes } from '../src/index.ts';

const { pattern } = attestationRoutes.enrolHost.body.properties.name as unknown as { readonly pattern: string };
const isName = (text: string) => new RegExp(pattern).test(text);

it('a name never has the form of an identifier', () => {
  const uuid = '8d2f0e52-6d4e-4b1c-9d0c-1f2e3d4c5b6a';
  expect([uuid, uuid.toUpperCase(), '00000000-0000-0000-0000-000000000000'].filter(isName)).toEqual([]);
  for (const name of ['node7', 'node-7.example', `${uuid}-a`, `n${uuid}`, uuid.slice(1), '8d2f0e52'])
    expect([name, isName(name)]).toEqual([name, true]);
});
