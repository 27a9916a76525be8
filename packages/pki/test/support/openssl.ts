import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** False, with one line, where the program is missing; under CI that is a failure. */
export const hasOpenssl = ((): boolean => {
  if (spawnSync('openssl', ['version']).status === 0) return true;
  if (process.env['CI']) throw new Error('openssl is missing');
  console.log('skipped: openssl is not installed');
  return false;
})();

/** Runs openssl in a folder of its own that holds these files, and gives its standard output. Throws on another status than 0. */
export function openssl(args: readonly string[], files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'sekimori-pki-'));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    return execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
