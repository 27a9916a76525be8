import type { Command } from 'commander';

/** docs/cli.md: every command with its arguments, options and examples. */
export function reference(commands: readonly (readonly [path: string, command: Command])[]): string {
  return `${[
    '# sekimori',
    'Made of the command definitions; `vitest run --project cli -u` writes it. Every command takes `--help`, `--json` and `--data <folder>`.',
    '| exit status | means |\n| --- | --- |\n| 0 | done |\n| 1 | refused or failed: stderr says why; with `--json` stdout has `{ "fault": { "code", "detail", "hint" } }` |\n| 2 | wrong command line |',
    ...commands.map(([path, command]) => section(path, command)),
  ].join('\n\n')}\n`;
}

function section(path: string, command: Command): string {
  const parameters = [
    ...command.registeredArguments.map((argument) => [
      argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
      argument.description,
    ]),
    ...command.options.map((option) => [
      option.flags,
      `${option.description}${option.mandatory ? ' (required)' : ''}${option.argChoices ? `: ${option.argChoices.join(', ')}` : ''}`,
    ]),
  ].map(([name, what]) => `| \`${name}\` | ${what} |`);
  return [
    `## sekimori ${path}`,
    `${command.description().replace(/^./, (first) => first.toUpperCase())}.`,
    ...(parameters.length === 0 ? [] : [['| | |', '| --- | --- |', ...parameters].join('\n')]),
    ['```sh', ...examplesOf(command), '```'].join('\n'),
  ].join('\n\n');
}

function examplesOf(command: Command): readonly string[] {
  let after = '';
  command.configureOutput({ writeOut: (text) => void (after += text) });
  command.outputHelp();
  return (/\nExamples:\n((?: {2}.*\n)+)/.exec(after)?.[1] ?? '')
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
}
