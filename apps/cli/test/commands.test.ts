import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { Io } from '../src/io.ts';
import { buildProgram } from '../src/program.ts';
import { reference } from './reference.ts';
import { freshPath, sekimori, spawnProgram } from './support.ts';

const io: Io = {
  env: {},
  colours: false,
  columns: 80,
  write: () => undefined,
  tell: () => undefined,
  ask: undefined,
  stdin: () => Readable.from([]),
  now: () => new Date(0),
};
const program = buildProgram(io, '0.0.0', () => undefined);

function leaves(command: Command, path: readonly string[] = []): readonly (readonly [string, Command])[] {
  return command.commands.length === 0
    ? [[path.join(' '), command]]
    : command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
}

const commands = leaves(program);

describe('every command', () => {
  it.each(commands)('%s has --help with an example, --json and exit statuses', async (path) => {
    const { status, stdout, stderr } = await sekimori([...path.split(' '), '--help']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`\nExamples:\n  sekimori ${path}`);
    expect(stdout).toContain('--json');
    expect(stdout).toMatch(/Exit status:\n {2}0 .*\n {2}1 .*\n {2}2 /);
    expect(stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('  sekimori '))).toEqual([]);
  });

  it.each(commands)('%s with an option that is none ends with status 2 and a way out', async (path) => {
    const { status, stdout, stderr } = await sekimori([...path.split(' '), '--no-such-option']);
    expect([status, stdout]).toEqual([2, '']);
    // what is missing is said before what is too much
    expect(stderr).toMatch(/^sekimori: error: (unknown option '--no-such-option'|required option .*)\n/);
    expect(stderr).toContain(`\nsekimori: hint: see 'sekimori ${path} --help'\n`);
  });

  it.each(commands)('%s with an argument too many ends with status 2', async (path) => {
    const { status, stderr } = await sekimori([...path.split(' '), 'a', 'b', 'c', '--data', freshPath()]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^sekimori: error: .+\nsekimori: hint: .+\n$/);
  });

  it.each(commands)('%s stands in README.md', (path) => {
    expect(readFileSync(new URL('../README.md', import.meta.url), 'utf8')).toContain(`\`sekimori ${path}`);
  });

  it('weakens nothing without --insecure-', () => {
    const words = /insecure|unsafe|force|skip|no-verify|print-key|software/;
    for (const [, command] of commands)
      for (const { long } of command.options) if (long && words.test(long)) expect(long).toMatch(/^--insecure-/);
  });

  it('stands in docs/cli.md, which is made of the definitions', async () => {
    await expect(reference(commands)).toMatchFileSnapshot('../../../docs/cli.md');
  });
});

describe('the program', () => {
  it.each([
    ['without a command', []],
    ['with a command that is none', ['hosts']],
    ['with a group alone', ['host']],
    ['without an argument it needs', ['host', 'show']],
    ['without an option it needs', ['baseline', 'capture', 'node7']],
    ['with a port that is none', ['init', '--attestation-port', '99999']],
    ['with a choice that is none', ['audit', 'list', '--service', 'both']],
    ['with a number that is none', ['release', 'list', '--limit', '0x10']],
  ])('ends with status 2 %s', async (_, args) => {
    const { status, stdout, stderr } = await sekimori(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).not.toBe('');
  });

  it('runs as a process of its own: version, help, and a wrong command line', async () => {
    const [version, help, wrong] = await Promise.all([
      spawnProgram(['--version']).ended,
      spawnProgram(['--help']).ended,
      spawnProgram(['explain']).ended,
    ]);
    expect(version).toMatchObject({ status: 0, stdout: '0.1.0\n', stderr: '' });
    expect(help).toMatchObject({ status: 0, stderr: '' });
    expect(help.stdout).not.toContain('\u001b');
    expect(wrong).toMatchObject({ status: 2, stdout: '' });
  });

  it('loads nothing but itself for help', async () => {
    const { child, ended } = spawnProgram(['--help'], { NODE_DEBUG: 'esm', NODE_OPTIONS: '--no-warnings' });
    expect(child.pid).toBeDefined();
    const { stderr } = await ended;
    expect(stderr).not.toMatch(/typebox|fastify|packages\/(protocol|client|service-kit)\//);
  });
});
