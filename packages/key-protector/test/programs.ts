import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';

/** A suite that needs programs of the system: skipped with a line where one is missing, failed where that is a CI machine. */
export function describeWith(programs: readonly string[], name: string, suite: () => void): void {
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  if (missing.length > 0 && process.env['CI']) throw new Error(`${name}: ${missing.join(', ')} must be installed`);
  if (missing.length > 0) console.warn(`skipped: ${name}: ${missing.join(', ')} not installed`);
  // oxlint-disable-next-line vitest/valid-title -- the caller gives the title
  describe.skipIf(missing.length > 0)(name, () => {
    suite();
  });
}

/** Runs a program over files of these contents in a folder that is gone afterwards. */
export function run(
  program: string,
  files: Readonly<Record<string, Uint8Array | string>>,
  args: (path: (name: string) => string) => readonly string[],
): { readonly status: number | null; readonly stdout: Uint8Array; readonly stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sekimori-xml-'));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    const { status, stdout, stderr } = spawnSync(program, [...args((name) => join(folder, name))]);
    return { status, stdout: new Uint8Array(stdout), stderr: stderr.toString() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
