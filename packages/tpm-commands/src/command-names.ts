import { ok, type Result } from '@sekimori/result';
import { type CommandName, COMMANDS } from '@sekimori/tpm2';
import { type CommandFault, wrongUsage } from './command.ts';

const BY_LETTERS = new Map(Object.keys(COMMANDS).map((name) => [lettersOf(name), name as CommandName]));

function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** 'NV_Read', 'TPM2_NV_Read' or 'nvread'. */
export function commandNamed(text: string): Result<CommandName, CommandFault> {
  const letters = lettersOf(text.replace(/^tpm2?_(?:cc_)?/i, ''));
  const name = BY_LETTERS.get(letters);
  if (name) return ok(name);
  const near = [...BY_LETTERS].filter(([each]) => letters.length > 2 && each.includes(letters)).map(([, each]) => each);
  const some = near.length > 0 && near.length <= 8 ? near : ['Quote', 'NV_Read', 'PolicySecret'];
  return wrongUsage(`no command is called '${text}'`, `as TPM 2.0 Library Part 3 has them, such as ${some.join(', ')}`);
}
