import { spawnSync } from 'node:child_process';

/** Skips with one line where a program is missing, but never in CI, where a skipped test would be a lie. */
export function missing(...programs: readonly string[]): boolean {
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
  const absent = programs.filter((program) => spawnSync('which', [program], { stdio: 'ignore', env }).status !== 0);
  if (process.getuid?.() !== 0) absent.push('root');
  if (absent.length === 0) return false;
  if (process.env['CI']) throw new Error(`${absent.join(', ')} must be there in CI`);
  console.warn(`skipped: ${absent.join(', ')} is not there`);
  return true;
}
