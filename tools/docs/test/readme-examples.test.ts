import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { blocksOf, type CommandLine, commandLinesOf, readmesOf, ROOT } from '../src/readmes.ts';

/** Examples that need a program of the system. */
const NEEDS: Readonly<Record<string, readonly string[]>> = { 'packages/tpm2-device': ['swtpm', 'swtpm_setup'] };
const PROGRAMS: Readonly<Record<string, string>> = {
  sekimori: 'apps/cli',
  'sekimori-host': 'apps/guarded-host',
  'sekimori-attestation': 'apps/attestation-service',
  'sekimori-kps': 'apps/key-protection-service',
};
const AT_ONCE = 2;
const NODE = ['--conditions=@sekimori/source'];
const TIMEOUT = 60_000;

const running = new Set<ChildProcess>();
afterAll(() => running.forEach((child) => child.kill('SIGKILL')));

const packages = readmesOf('packages');
const apps = readmesOf('apps');

it('every package has an example', () => {
  const without = packages.filter(({ text }) => blocksOf(text, 'ts').length === 0).map(({ folder }) => folder);
  expect(without).toEqual([]);
});

/** Each block is a module of its own, and runs as if it were a file in its package's folder. */
describe.concurrent('the ts examples of', () => {
  const examples = [...packages, ...apps]
    .map(({ folder, text }) => ({ folder, blocks: blocksOf(text, 'ts') }))
    .filter(({ blocks }) => blocks.length > 0);
  it.for(examples)('$folder', { timeout: TIMEOUT }, async ({ folder, blocks }, { skip }) => {
    const missing = (NEEDS[folder] ?? []).filter((program) => spawnSync(program, ['--version']).error !== undefined);
    if (missing.length > 0 && !process.env['CI']) skip(`${missing.join(', ')} is not here`);
    const cwd = join(ROOT, folder);
    const temporary = mkdtempSync(join(tmpdir(), 'readme-'));
    const before = readdirSync(cwd);
    try {
      for (const block of blocks) {
        const { status, stdout, stderr } = await node(['--input-type=module-typescript', '-'], {
          cwd,
          temporary,
          input: block,
        });
        expect(status, `${block}\n${stdout}${stderr}`).toBe(0);
        expect(stdout, `prints something:\n${block}`).not.toBe('');
      }
      expect(readdirSync(temporary), 'left behind').toEqual([]);
      expect(readdirSync(cwd), 'left behind').toEqual(before);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
});

describe.concurrent('the commands in the READMEs of apps:', () => {
  const lines = apps.flatMap(({ text }) => commandLinesOf(blocksOf(text, 'sh'), Object.keys(PROGRAMS)));
  const byCommand = Map.groupBy(lines, ({ program, words }) => [program, ...words].join(' '));
  it.for([...byCommand])('%s', { timeout: TIMEOUT }, async ([, [line, ...others]]) => {
    const { program, words, options } = line as CommandLine;
    const main = join(ROOT, PROGRAMS[program] ?? '', 'src/main.ts');
    const { status, stdout, stderr } = await node([main, ...words, '--help'], { cwd: ROOT, temporary: tmpdir() });
    expect(status, `--help:\n${stderr}`).toBe(0);
    expect(stdout).toContain([program, ...words].join(' '));
    const used = [...options, ...others.flatMap((other) => other.options)];
    expect(used.filter((option) => !new RegExp(`(?<![\\w-])${option}(?![\\w-])`).test(stdout))).toEqual([]);
  });
});

it('the commands in docs/cli.md have the arguments and options of their tables', () => {
  const sections = readFileSync(join(ROOT, 'docs/cli.md'), 'utf8').split('\n## ').slice(1);
  const wrong = sections.flatMap((section) => {
    const [title = ''] = section.split('\n');
    const known = ['--json', '--data', ...[...section.matchAll(/^\| `(--[a-z-]+)/gm)].map(([, option]) => option)];
    return commandLinesOf(blocksOf(section, 'sh'), Object.keys(PROGRAMS)).flatMap(({ program, words, options }) => [
      ...([program, ...words].join(' ').startsWith(title) ? [] : [`${title}: ${words.join(' ')}`]),
      ...options.filter((option) => !known.includes(option)).map((option) => `${title}: ${option}`),
    ]);
  });
  expect(wrong).toEqual([]);
});

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
let next = 0;

/** A few at a time. Nothing of this process' settings comes through. */
function node(
  args: readonly string[],
  options: { readonly cwd: string; readonly temporary: string; readonly input?: string },
): Promise<Run> {
  const lane = next++ % AT_ONCE;
  const run = (lanes[lane] ?? Promise.resolve()).then(() => started(args, options));
  lanes[lane] = run;
  return run;
}

function started(
  args: readonly string[],
  { cwd, temporary, input = '' }: { readonly cwd: string; readonly temporary: string; readonly input?: string },
): Promise<Run> {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, TMPDIR: temporary, NO_COLOR: '1' };
  const child = spawn(process.execPath, [...NODE, ...args], { cwd, env });
  running.add(child);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => {}); // it ended before it had read everything
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      running.delete(child);
      resolve({ status, stdout, stderr });
    });
  });
}
