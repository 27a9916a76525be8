// npm run check: everything static, no tests. Runs each step, shows what failed, ends with 1 if one did, and with 2 where a step is
// named that is none.
import { spawnSync } from 'node:child_process';

// name, command, arguments
const steps = [
  ['format', 'biome', ['format', '.']],
  ['lint', 'oxlint', ['--type-aware', '--deny-warnings']],
  ['workspace', 'node', ['tools/workspace/sync.mjs', '--check']],
  ['lockfile', 'node', ['tools/workspace/check-lockfile.mjs']],
  ['boundaries', 'node', ['tools/boundaries/check.mjs']],
  ['types and build', 'nx', ['run-many', '-t', 'build', 'typecheck', '--output-style=static']],
  ['unused code', 'knip', []],
  ['documented symbols', 'node', ['--conditions=@sekimori/source', 'tools/docs/src/main.ts']],
  ['OpenAPI', 'node', ['--conditions=@sekimori/source', 'tools/openapi/src/main.ts', '--check']],
];
const only = process.argv.slice(2);
const names = steps.map(([name]) => String(name));
const usage = `Usage: npm run check [-- STEP…]\n\nThe steps, all where none is named:\n${names.map((name) => `  ${name}\n`).join('')}
Example: npm run check -- lint 'types and build'\n`;
if (only.includes('--help')) {
  process.stdout.write(usage);
  process.exit(0);
}
const unknown = only.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`check: error: no step is called ${unknown.map((name) => `'${name}'`).join(', ')}\n\n${usage}`);
  process.exit(2);
}
const failed = [];
for (const step of steps) {
  const name = String(step[0]);
  const command = String(step[1]);
  const args = [step[2] ?? []].flat();
  if (only.length > 0 && !only.includes(name)) continue;
  const start = performance.now();
  const run = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, NX_DAEMON: 'false', FORCE_COLOR: '0' },
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const good = run.status === 0;
  process.stderr.write(`${good ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`);
  if (!good) {
    failed.push(name);
    process.stderr.write(`${run.error ?? ''}${run.stdout}${run.stderr}\n`);
  }
}
if (failed.length > 0) process.stderr.write(`check failed: ${failed.join(', ')}\n`);
process.exitCode = failed.length > 0 ? 1 : 0;
