import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const blocks = [...readFileSync(join(root, 'docs/getting-started.md'), 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].map(
  ([, text]) => text,
);
// The first block is `npm start`, which main.test.ts runs.
const script = ['set -eo pipefail', 'mkdir trial', ...blocks.slice(1)].join('\n');

const missing = ['swtpm', 'swtpm_setup', 'swtpm_ioctl'].filter(
  (program) => spawnSync(program, ['--version']).error !== undefined,
);
if (missing.length > 0 && !process.env['CI'])
  console.warn(`skipped: docs/getting-started.md, since ${missing.join(', ')} is not here`);

it.skipIf(missing.length > 0 && !process.env['CI'])(
  'every command of docs/getting-started.md works',
  { timeout: 180_000 },
  async () => {
    expect(blocks.length).toBeGreaterThan(8);
    expect(blocks[0]).toContain('npm start');
    const folder = mkdtempSync(join(tmpdir(), 'getting-started-'));
    try {
      for (const name of ['node_modules', 'examples', 'package.json'])
        symlinkSync(join(root, name), join(folder, name));
      const { status, output } = await bash(script, folder);
      expect(status, output).toBe(0);
      expect(output.match(/refused, as it should be/g), output).toHaveLength(2);
      for (const seen of ['EV_EFI_VARIABLE_DRIVER_CONFIG', 'PCR 11', 'expected', 'node1'])
        expect(output).toContain(seen);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

/** In a process group of its own, which is ended whatever came of it: two programs are left in the background half-way. */
function bash(text: string, cwd: string): Promise<{ readonly status: number | null; readonly output: string }> {
  const { SEKIMORI_DATA: _, ...env } = process.env;
  const path = `${join(root, 'node_modules/.bin')}:${process.env['PATH']}`;
  const child = spawn('bash', ['-c', text], { cwd, detached: true, env: { ...env, PATH: path, NO_COLOR: '1' } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => {
    child.once('exit', (status) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
      } catch {
        // the group is gone already
      }
      resolve({ status, output });
    });
  });
}
