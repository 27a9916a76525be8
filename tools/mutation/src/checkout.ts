import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutation } from './mutations.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A copy of the packages in a temporary folder, where sources may be broken: the working tree is only read. */
export class Checkout {
  readonly #folder: string;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'sekimori-mutation-'));
    // Packages find each other by relative links, so the copies find copies; programs and examples are not changed.
    const isCopied = (path: string): boolean => basename(path) !== 'dist';
    cpSync(join(ROOT, 'packages'), join(this.#folder, 'packages'), {
      recursive: true,
      verbatimSymlinks: true,
      filter: isCopied,
    });
    for (const file of ['package.json', 'tsconfig.base.json', 'vitest.config.ts'])
      cpSync(join(ROOT, file), join(this.#folder, file));
    for (const shared of ['node_modules', 'examples']) symlinkSync(join(ROOT, shared), join(this.#folder, shared));
    for (const empty of ['apps', 'tools']) mkdirSync(join(this.#folder, empty));
  }

  /** Runs `work` while `mutation` is in the sources. Throws where its text is not there exactly once. */
  with<T>(mutation: Mutation, work: () => T): T {
    const path = join(this.#folder, 'packages', mutation.file);
    const source = readFileSync(path, 'utf8');
    writeFileSync(path, mutated(source, mutation));
    try {
      return work();
    } finally {
      writeFileSync(path, source);
    }
  }

  /**
   * The tests of quote-verifier, but for those that need a TPM or the corpus: a machine without them has to see a check
   * go as well. Until the first failure.
   */
  test(): { readonly passed: boolean; readonly output: string } {
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const chosen = ['--project', 'quote-verifier', '--exclude', '**/swtpm.test.ts', '--exclude', '**/corpus*.test.ts'];
    const run = spawnSync(process.execPath, [vitest, 'run', '--bail', '1', '--no-color', ...chosen], {
      cwd: this.#folder,
      env: { ...process.env, VITEST: undefined, NODE_ENV: undefined, SEKIMORI_CORPUS: this.#folder },
      encoding: 'utf8',
    });
    if (run.error) throw run.error;
    return { passed: run.status === 0, output: run.stdout + run.stderr };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** The source of the working tree that a mutation is about. */
export function sourceOf({ file }: Mutation): string {
  return readFileSync(join(ROOT, 'packages', file), 'utf8');
}

/** Throws where the text is not there exactly once: the list is out of date. */
export function mutated(source: string, { file, lost, text, replacement }: Mutation): string {
  const found = source.split(text).length - 1;
  if (found !== 1) throw new Error(`${file} (${lost}): found ${found} times, must be once: ${text}`);
  return source.replace(text, () => replacement);
}
