import { spawnSync } from 'node:child_process';

/** Skips with one line where a program is missing, but never in CI, where a skipped test would be a lie. */
export function missing(...programs: readonly string[]): boolean {
  const absent = programs.filter((program) => spawnSync('which', [program], { stdio: 'ignore' }).status !== 0);
  if (absent.length === 0) return false;
  if (process.env['CI']) throw new Error(`${absent.join(', ')} must be installed in CI`);
  console.warn(`skipped: ${absent.join(', ')} not installed`);
  return true;
}
