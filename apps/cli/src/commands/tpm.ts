import { ok } from '@sekimori/result';
import { DEFAULT_TPM, type TpmCommand } from '@sekimori/tpm-commands/definitions';
import type { Answer, Context } from '../outcome.ts';

/** `words` as commander gives them: the arguments, a variadic one as a list, then the options. */
export async function runTpmCommand(run: TpmCommand['run'], { io }: Context, words: readonly unknown[]): Answer {
  const outcome = await run({
    args: words
      .slice(0, -1)
      .flat()
      .filter((word) => typeof word === 'string'),
    options: words.at(-1) as Readonly<Record<string, unknown>>,
    stdin: io.stdin,
    tpm: DEFAULT_TPM,
    now: io.now,
  });
  if (!outcome.ok) return { ok: false, fault: { ...outcome.fault, usage: outcome.fault.code === 'usage' } };
  const { document, lines, notes = [], bad = false } = outcome.value;
  return ok({ json: document, text: lines.join('\n'), notes, bad });
}
