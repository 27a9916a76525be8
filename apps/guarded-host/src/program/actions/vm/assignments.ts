import { ok, type Result } from '@sekimori/result';
import type { CommandFault } from '../../command.ts';

/** Options like `--disk data=FILE`, each name once. `usage`. */
export function assignments(
  option: string,
  given: readonly string[] = [],
): Result<ReadonlyMap<string, string>, CommandFault> {
  const found = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf('=');
    const [name, value] = [text.slice(0, at), text.slice(at + 1)];
    if (at < 1 || value === '' || found.has(name))
      return {
        ok: false,
        fault: {
          code: 'usage',
          detail: `${option} ${text}: each is NAME=VALUE, each name once`,
          hint: `for example ${option} data=root.img`,
        },
      };
    found.set(name, value);
  }
  return ok(found);
}
