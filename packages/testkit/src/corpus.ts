import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * A file or folder of other projects' test data, read in place and never copied: below the folder that SEKIMORI_CORPUS
 * names, by default `../shared/corpus` beside the checkout. Undefined where it is not there: such tests are skipped.
 */
export function corpus(path: string): string | undefined {
  const file = resolve(ROOT, process.env['SEKIMORI_CORPUS'] ?? '../shared/corpus', path);
  return existsSync(file) ? file : undefined;
}
