import { expectOk } from '@sekimori/result';
import { DEFAULT_TPM, type Given, type Shown, TPM_COMMANDS } from '../src/definitions.ts';

/** One command line, without the program: `{ args: ['0x9a2'] }`. */
export function run(name: string, given: Partial<Omit<Given, 'stdin'>> & { readonly stdin?: Uint8Array } = {}) {
  const { stdin = new Uint8Array(0), ...others } = given;
  const command = TPM_COMMANDS.find((each) => each.name === name)!;
  return command.run({
    args: [],
    options: {},
    tpm: DEFAULT_TPM,
    now: () => new Date('2026-11-28T12:00:00Z'),
    stdin: async function* () {
      yield stdin;
    },
    ...others,
  });
}

export async function shown(...line: Parameters<typeof run>): Promise<Shown & { readonly document: any }> {
  return expectOk(await run(...line));
}

/** The code of a failure. */
export async function refusal(...line: Parameters<typeof run>): Promise<string | undefined> {
  const outcome = await run(...line);
  return outcome.ok ? undefined : outcome.fault.code;
}
