import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

// One project for each folder with tests; `--mode lab` and `--mode long` choose the other suites.
const conditions = ['@sekimori/source', 'module', 'node', 'development|production'];
const folders = ['packages', 'apps', 'tools', 'examples'].flatMap((group) =>
  readdirSync(new URL(group, import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => ({ name: entry.name, root: `${group}/${entry.name}` })),
);

export default defineConfig(({ mode }) => {
  const suite = mode === 'lab' || mode === 'long' ? `.${mode}` : '';
  return {
    test: {
      passWithNoTests: suite !== '',
      // Tests wait on other programs much of the time; machines of the lab want the cores for themselves.
      maxWorkers: suite ? 1 : '100%',
      projects: folders.map(({ name, root }) => ({
        root,
        resolve: { conditions },
        ssr: { resolve: { conditions } },
        test: {
          name,
          include: [suite ? `test/**/*${suite}.ts` : 'test/**/*.test.ts'],
          testTimeout: suite ? 300_000 : 30_000,
          hookTimeout: suite ? 300_000 : 30_000,
          environment: 'node',
        },
      })),
    },
  };
});
