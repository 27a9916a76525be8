import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface Readme {
  /** Relative to the repository, such as `packages/pki`. */
  readonly folder: string;
  readonly text: string;
}

export function readmesOf(group: 'packages' | 'apps'): readonly Readme[] {
  return globSync(`${group}/*/README.md`, { cwd: ROOT })
    .toSorted()
    .map((file) => ({ folder: dirname(file), text: readFileSync(join(ROOT, file), 'utf8') }));
}

/** The fenced blocks of one language. */
export function blocksOf(markdown: string, language: string): readonly string[] {
  return [...markdown.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text ?? '');
}

export interface CommandLine {
  readonly program: string;
  /** Before the first option: subcommands and arguments. */
  readonly words: readonly string[];
  /** Without their values. */
  readonly options: readonly string[];
}

/** The lines of `sh` blocks that call one of the programs; comments left out. */
export function commandLinesOf(blocks: readonly string[], programs: readonly string[]): readonly CommandLine[] {
  return blocks
    .flatMap((block) => block.split('\n'))
    .map((line) =>
      line
        .replace(/(?:^|\s)#.*$/, '')
        .trim()
        .split(/\s+/),
    )
    .filter(([program]) => programs.includes(program ?? ''))
    .map(([program = '', ...rest]) => {
      const first = rest.findIndex((word) => word.startsWith('-'));
      const words = first === -1 ? rest : rest.slice(0, first);
      return {
        program,
        words,
        options: rest.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*$/s, '')),
      };
    });
}
