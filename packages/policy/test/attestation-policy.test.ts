import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import { parseAttestationPolicy, policyDigest } from '../src/index.ts';
import { LAX, STRICT } from './subjects.ts';

it('reads what is whole', () => {
  expect(expectOk(parseAttestationPolicy({ ...STRICT }))).toEqual(STRICT);
});

it.each([
  [null],
  [{}],
  [{ version: 1, secureBoot: 'required' }],
  [{ version: 1, fullBoot: true }],
  [{ ...STRICT, version: 0 }],
  [{ ...STRICT, version: '1' }],
  [{ ...STRICT, secureBoot: 'sometimes' }],
  [{ ...STRICT, fullBoot: false }],
  [{ ...STRICT, extra: true }],
])('refuses %j', (value) => {
  expect(parseAttestationPolicy(value)).toMatchObject({ fault: { code: 'policy-malformed' } });
});

it('has a digest that changes with every field', () => {
  const digests = [LAX, STRICT, { ...LAX, version: 2 }].map((policy) => policyDigest(nodeCrypto, policy));
  expect(new Set(digests).size).toBe(3);
  expect(policyDigest(nodeCrypto, { ...LAX })).toBe(digests[0]);
});
