import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { entriesOf, PACKAGES, shortcomings } from '../src/public-symbols.ts';

const entry = fileURLToPath(new URL('fixtures/symbols.ts', import.meta.url));

it('names what the comments of public symbols lack', { timeout: 120_000 }, () => {
  expect(shortcomings([{ name: 'tpm2', entries: [entry] }])).toEqual([
    'tpm2: Bare: no comment',
    'tpm2: Port: no word on unknown of Port.ask',
    'tpm2: Reader: no word on closed of Reader.open',
    'tpm2: TPMS_UNPLACED: no section',
    'tpm2: Underived: no comment',
    'tpm2: group.member: no comment',
    'tpm2: tellsHalf: no word on too-short',
  ]);
});

it('asks for sections in packages of a specification only', { timeout: 120_000 }, () => {
  const lines = shortcomings([{ name: 'other', entries: [entry] }]);
  expect(lines.filter((line) => line.includes('section'))).toEqual([]);
});

it('knows the entries of every package', () => {
  for (const name of PACKAGES) expect(entriesOf(`packages/${name}`).length).toBeGreaterThan(0);
  expect(entriesOf('packages/tpm2').map((path) => path.replace(/.*packages/, 'packages'))).toEqual([
    'packages/tpm2/src/index.ts',
    'packages/tpm2/src/contract.ts',
  ]);
});
