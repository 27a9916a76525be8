import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { explainCode } from '../src/index.ts';

/** Where tpm2_rc_decode has no text, we have no name, but for these. */
const UNKNOWN_TO_TOOLS: ReadonlySet<string> = new Set([
  'TPM_RC_BAD_TAG', // it reads 0x01e as a code of TPM 1.2
  'TPM_RC_FW_LIMITED', // newer than tpm2-tools 5.4
  'TPM_RC_SVN_LIMITED',
]);
/** One text for two codes. */
const NOT_USED = 'not currently used';

/**
 * tpm2_rc_decode gives texts, no names: so each of its texts must go with one name of ours and each name with one text, and both must
 * blame the same.
 */
export async function compareWithTools(codes: readonly number[]): Promise<void> {
  const loop = 'for code in "$@"; do tpm2_rc_decode $code; done';
  const { stdout } = await promisify(execFile)('sh', ['-c', loop, 'sh', ...codes.map(String)], { maxBuffer: 1 << 24 });
  const texts = stdout.trimEnd().split('\n');
  expect(texts).toHaveLength(codes.length);
  const textOf = new Map<string, string>();
  const nameOf = new Map<string, string>();
  for (const [at, code] of codes.entries()) {
    const line = texts[at]!;
    const { name, kind, about } = explainCode(code);
    const parsed = /^tpm:(?:(handle|session|parameter)\((\w+)\):|(warn|error)\([\d.]+\): )?(.*)$/.exec(line)!;
    const [, part, number, severity, text = ''] = parsed;
    const known = !/^\(null\)$|^unknown|^0x|^Vendor specific/.test(text);
    expect(known, `${line}: ${name}`).toBe(!name.startsWith('TPM_RC_0x') && !UNKNOWN_TO_TOOLS.has(name));
    if (!known) continue;
    // The tools read three bits of a parameter's number, where Part 2, 6.6.2 has four: 8 is nothing to them, 9 is 1.
    const theirs = about?.part === 'parameter' ? about.number & 7 : about?.number;
    const place = about && theirs !== 0 ? `${about.part} ${theirs}` : undefined;
    expect(place, line).toBe(part === undefined || number === 'unk' ? undefined : `${part} ${Number(number)}`);
    if (severity !== undefined) expect(kind, line).toBe(severity === 'warn' ? 'warning' : 'error');
    if (text === NOT_USED) continue;
    expect(textOf.get(name) ?? text, name).toBe(text);
    expect(nameOf.get(text) ?? name, text).toBe(name);
    textOf.set(name, text);
    nameOf.set(text, name);
  }
  expect(textOf.get('TPM_RC_BAD_AUTH')).toBe('authorization failure without DA implications');
  expect(textOf.size).toBeGreaterThan(90);
}
