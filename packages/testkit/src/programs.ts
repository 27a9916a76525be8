import { spawnSync } from 'node:child_process';

/**
 * For `describe.skipIf`: true, with one line on stderr, where a program cannot be started. Throws instead in CI (the variable
 * CI is set): a test skipped there would be a lie.
 */
export function programsMissing(...programs: readonly string[]): boolean {
  const missing = programs.filter(
    (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined,
  );
  if (missing.length === 0) return false;
  if (process.env['CI']) throw new Error(`${missing.join(', ')} must be installed in CI`);
  console.warn(`skipped: ${missing.join(', ')} not installed`);
  return true;
}
