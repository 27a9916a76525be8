import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const check = (...args: readonly string[]) =>
  spawnSync(process.execPath, [fileURLToPath(new URL('../../check.mjs', import.meta.url)), ...args], {
    encoding: 'utf8',
  });
const STEPS = ['format', 'lint', 'types and build', 'documented symbols'];

it('npm run check refuses a step that is none, beside one that is too, and names those there are', () => {
  const { status, stderr } = check('lint', 'TYPO');
  expect(status).toBe(2);
  expect(stderr).toContain("no step is called 'TYPO'");
  expect(stderr).not.toContain('ok ');
  for (const step of STEPS) expect(stderr).toContain(`  ${step}\n`);
});

it('npm run check -- --help lists the steps with an example', () => {
  const { status, stdout, stderr } = check('--help');
  expect([status, stderr]).toEqual([0, '']);
  for (const step of STEPS) expect(stdout).toContain(`  ${step}\n`);
  expect(stdout).toContain('Example: npm run check -- lint');
});
