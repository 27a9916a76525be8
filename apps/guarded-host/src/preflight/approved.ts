import { readFile, stat } from 'node:fs/promises';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { readJson } from '@sekimori/service-kit/program';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { ApprovedBoot } from './verdict.ts';

const MAX_FILE = 16 * 1024 * 1024;

/** Of what the attestation service tells about a baseline; more fields may stand beside these. */
const Baseline = Type.Object({
  name: Type.String({ maxLength: 200 }),
  state: Type.String({ maxLength: 64 }),
  pcrs: Type.Array(
    Type.Object({
      index: Type.Integer({ minimum: 0, maximum: 23 }),
      value: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    }),
    { minItems: 1, maxItems: 24 },
  ),
});
const Baselines = Type.Object({ baselines: Type.Array(Baseline, { maxItems: 4096 }) });

/**
 * The active baselines in a file that an administrator wrote with `sekimori baseline list --json`. `usage`: it is no such file.
 */
export async function readApproved(file: string): Promise<Result<readonly ApprovedBoot[], Fault<'usage'>>> {
  let bytes: Uint8Array;
  try {
    if ((await stat(file)).size > MAX_FILE) return fail('usage', `${file} has more than ${MAX_FILE} bytes`);
    bytes = new Uint8Array(await readFile(file));
  } catch (error) {
    return fail('usage', (error as Error).message);
  }
  const value = readJson(bytes);
  if (!value.ok || !Value.Check(Baselines, value.value))
    return fail('usage', `${file} does not hold what 'sekimori baseline list --json' prints`);
  return ok(
    value.value.baselines
      .filter(({ state }) => state === 'active')
      .map(({ name, pcrs }) => ({ name, pcrs: new Map(pcrs.map(({ index, value: hex }) => [index, hex])) })),
  );
}
