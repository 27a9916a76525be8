import { programsMissing } from '@sekimori/testkit';
import { COMMANDS } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { explainCode } from '../src/index.ts';
import { refusal, shown } from './given.ts';
import { compareWithTools } from './rc-decode.ts';

const ALL = Array.from({ length: 0x1000 }, (_, code) => code);

describe('explain-rc', () => {
  it.each([
    [
      '0x9a2',
      undefined,
      { name: 'TPM_RC_BAD_AUTH', kind: 'error', about: { part: 'session', number: 1 }, retry: false },
    ],
    ['2466', 'ActivateCredential', { name: 'TPM_RC_BAD_AUTH', blames: 'the authorization of activateHandle' }],
    ['0x184', 'TPM2_NV_Read', { name: 'TPM_RC_VALUE', about: { part: 'handle', number: 1 }, blames: 'authHandle' }],
    ['0x1DA', 'quote', { name: 'TPM_RC_INSUFFICIENT', command: 'Quote', blames: 'qualifyingData' }],
    ['0x922', undefined, { name: 'TPM_RC_RETRY', kind: 'warning', retry: true }],
    ['0x912', undefined, { name: 'TPM_RC_REFERENCE_H2', means: expect.stringContaining('handle 3') as string }],
    ['0', undefined, { name: 'TPM_RC_SUCCESS', kind: 'success' }],
    ['0x01e', undefined, { name: 'TPM_RC_BAD_TAG', kind: 'error' }],
    ['0x500', undefined, { kind: 'vendor' }],
    ['0x123', undefined, { kind: 'unknown' }],
    ['0xa000a', undefined, { kind: 'no-response-code' }],
    ['0xffffffff', undefined, { code: 0xffffffff, kind: 'no-response-code' }],
  ])('%s of %s', async (code, command, expected) => {
    const { document, bad, lines } = await shown('explain-rc', { args: [code], options: { command } });
    expect(document).toMatchObject(expected);
    expect(bad).not.toBe(true);
    expect(lines.join('\n')).toContain(`(${Number(code)})`);
  });

  it.each([['rubbish'], ['0x'], [''], ['-1'], ['0x1ffffffff'], ['9a2h'], ['1e3']])(
    '%s is wrong usage',
    async (text) => {
      expect(await refusal('explain-rc', { args: [text] })).toBe('usage');
    },
  );
  it('names commands that are like a wrong one', async () => {
    expect(await refusal('explain-rc', { args: ['0x1c4'], options: { command: 'Quotation' } })).toBe('usage');
  });

  it('has advice for every code with a name, and for no other', () => {
    for (const code of ALL) {
      const { name, means, todo, kind } = explainCode(code);
      const named = !name.startsWith('TPM_RC_0x');
      expect([code, means !== undefined, todo !== undefined]).toEqual([code, named, named]);
      expect([code, kind === 'unknown' || kind === 'vendor']).toEqual([code, !named]);
    }
  });
  it('names the field for every command and number, or none that is not there', () => {
    for (const name of Object.keys(COMMANDS) as (keyof typeof COMMANDS)[]) {
      const { handles, request } = COMMANDS[name];
      for (let number = 1; number <= 7; number++) {
        expect(explainCode(0x084 | (number << 8), name).blames).toBe((handles as readonly string[])[number - 1]);
        expect(explainCode(0x0c4 | (number << 8), name).blames).toBe(request.fields[number - 1]?.key);
      }
    }
  });
});

/** Every error and warning, about each kind of thing, and each number of a thing. */
const DISTINCT = ALL.filter((code) => {
  const isFormatOne = (code & 0x080) !== 0;
  return isFormatOne ? [0x0, 0x1, 0x9].includes(code >> 8) || (code & 0x3f) === 0x04 : [0, 1, 5, 9].includes(code >> 8);
});

// explain-rc.long.ts compares all 4096
it.skipIf(programsMissing('tpm2_rc_decode', 'sh'))('means what tpm2_rc_decode says', { timeout: 120_000 }, () =>
  compareWithTools(DISTINCT),
);
