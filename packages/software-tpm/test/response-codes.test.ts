import { explainResponseCode } from '@sekimori/tpm2';
import { expect, it } from 'vitest';
import { RC } from '../src/response-codes.ts';

it.each(Object.entries(RC))('%s is what the specification calls by that name', (name, code) => {
  const expected = `TPM_RC_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
  // written there without the underscore
  const joined = { TPM_RC_AUTH_SIZE: 'TPM_RC_AUTHSIZE', TPM_RC_CP_HASH: 'TPM_RC_CPHASH' }[expected] ?? expected;
  expect(explainResponseCode(code).name.replaceAll('_', '')).toBe(joined.replaceAll('_', ''));
});
