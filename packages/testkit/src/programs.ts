import { spawnSync } from 'node:child_process';

// For `skipIf`: true, with one line on stderr, where something is missing. Throws instead in CI (the variable CI is set): a test
// skipped there would be a lie.

/** Programs that cannot be started. */
export function programsMissing(...programs: readonly string[]): boolean {
  const missing = programs.filter(
    (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined,
  );
  return skips(missing.length > 0, missing.join(', '), 'installed');
}

/** For what only root can show, such as programs under another user. */
export function rootMissing(what: string): boolean {
  return skips(process.getuid?.() !== 0, what, 'run by root');
}

function skips(isMissing: boolean, what: string, need: string): boolean {
  if (isMissing && process.env['CI']) throw new Error(`${what} must be ${need} in CI`);
  if (isMissing) console.warn(`skipped: ${what} not ${need}`);
  return isMissing;
}
